"""What the search wants of a formula: how long a step takes, stage by stage, and bounds of what is to come.

`formulas` has those of the schedules.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias

from annex_actors.placement.planner.stages import Limits, StageCosts

Number: TypeAlias = Any
"""A float, or an array of them, one for each of many ways to place layers."""

Numbers: TypeAlias = tuple[Number, ...]
"""What stages at the end of a chain cost, in the terms of one formula."""


class Ahead(NamedTuple):
    """A lower bound of what the layers before some stage will cost, however they are placed.

    Args:
        forward: seconds of one F through them all, with the hop to the stage.
        backward: seconds of one B through them all, with the hop from the stage.
        forwards: the longest that a stage among them works on the F of q - 1 microbatches, at least.
        backwards: the same for B.
        busy: the longest that a stage among them works in a step, at least.
        total: seconds of all work on them.
    """

    forward: Number
    backward: Number
    forwards: Number
    backwards: Number
    busy: Number
    total: Number


class Sums(NamedTuple):
    """Seconds of the first 0, 1, 2 … layers on the fastest worker, and what else bounds how much a stage can do.

    Args:
        forward: of F of a microbatch.
        backward: of B of a microbatch.
        step: of W and the update of a whole step.
        microbatches: m.
        others: m less the most replicas of a stage: a stage of R replicas does at least others/R of (q - 1).
        together: how many times as fast as the fastest worker all workers together are.
        trip: the round trip through all stages, at least.
        pause: a hop and the fixed cost of a piece, at most.
    """

    forward: Number
    backward: Number
    step: Number
    microbatches: int
    others: int
    together: float
    trip: Number
    pause: float


class Room(NamedTuple):
    """How much stage k, which begins at layer i, can do: ``work[j] - work[i] <= most + later[i] + k * each``."""

    work: Number
    most: Number
    later: Number
    each: float


class Formula(Protocol):
    """How long a step takes."""

    @property
    def nothing(self) -> Numbers:
        """What no stages cost."""
        ...

    def before(self, numbers: Numbers, stage: StageCosts, limits: Limits) -> Numbers:
        """Return what the stages cost with one more before them."""
        ...

    def seconds(self, numbers: Numbers) -> Number:
        """Return how long a step takes, of what all stages cost."""
        ...

    def least(self, numbers: Numbers, ahead: Ahead) -> Number:
        """Return a lower bound of what a step takes when the stages before these are placed too."""
        ...

    def settled(self, numbers: Numbers, ahead: Ahead) -> Numbers:
        """Return numbers raised to what they come to in the end at least, so that a way rules out more others.

        What a step takes in the end stays the same.
        """
        ...

    def rooms(self, limit: float, sums: Sums) -> tuple[Room, ...]:
        """Return what a stage with one worker can do, counted from the first stage, for a step within a limit.

        A stage of R replicas can do R times as much, so that it stands for R stages of one worker.
        """
        ...
