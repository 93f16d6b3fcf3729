"""A pipeline schedule is a mailbox discipline: which of the messages that have arrived a stage works on next.

A discipline is data. It ranks the three kinds of work, forward (F), input gradient (B) and weight gradient (W); it
gives credit, how many microbatches a stage may have forwarded and not yet taken back; it may cap how many weight
gradients are put off, and close a gate before some work. B is never blocked by credit, so that the oldest microbatch in
flight can always drain.

It also says which weights a microbatch meets. A synchronous discipline lets step t meet version t, the weights after t
updates: what it computes does not depend on the discipline at all. An asynchronous one lets step t meet an older
version, and says which by a formula: a stage that lags by d takes version max(0, t - d), however late or early the
messages come. So the weights are reproducible there as well, and filling the pipe at the end of an epoch needs no
special case: a drained pipe changes no version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from annex_actors.base.errors import ConfigError


class Work(Enum):
    """The three kinds of work on a microbatch, by the letters of the papers."""

    FORWARD = "F"
    BACKWARD = "B"
    WEIGHT_GRADIENT = "W"


class Grouping(Enum):
    """How the weight gradient of a step is made; it decides the bits, so that the oracle groups alike."""

    STEP = "step"
    """One matrix product for all microbatches, after the last one's B: the fastest."""

    MICROBATCH = "microbatch"
    """A product for each, summed in their order: small work that fills idle time, and lets go of activations early."""


class Progress(NamedTuple):
    """Where stage s of S stands in a step of m microbatches: how many of each work it has done."""

    s: int
    S: int
    m: int
    forwards: int
    backwards: int
    weight_gradients: int


Limit: TypeAlias = Callable[[int, int, int], int]
"""A number of microbatches, from (stage s, number of stages S, microbatches of the step m)."""

OfStage: TypeAlias = Callable[[int, int], int]
"""A number, from (s, S)."""

Gate: TypeAlias = Callable[[Work, Progress], bool]
"""Whether the next microbatch may do this work now."""

Order: TypeAlias = Callable[[Work, int, int, int, int], int]
"""From (work, s, S, m, microbatch): a place in the order of a worker's work in a step."""

F, B, W = Work.FORWARD, Work.BACKWARD, Work.WEIGHT_GRADIENT


def _no_lag(s: int, S: int) -> int:
    return 0


def _a_worker_each(s: int, S: int) -> int:
    return s


@dataclass(frozen=True, slots=True)
class Discipline:
    """One row of the table of schedules.

    Args:
        name: as users write it.
        summary: one line for users.
        priority: the kinds of work, most urgent first.
        credit: most microbatches in flight at a stage: F is admitted while (forwards - backwards) < credit.
        cap: most microbatches whose W may be put off: F is admitted while (forwards - weight gradients) < cap; None: no
            cap.
        gate: asked before any work, after credit and cap; None: always open.
        weight_gradients: how W is grouped.
        lag: by how many steps the weights of a stage lag: step t takes version max(0, t - lag). 0: synchronous.
        stashes: whether B meets the weights that F met. Where it does not, it meets version t, and what comes out is
            the gradient of no function.
        order: the place of a piece of work among all that the stages of one worker do in a step, from 0. None: by
            priority, then the oldest step and microbatch, then the lowest stage.
        worker: which worker a stage belongs to, where that is for the schedule to say.
        microbatches: into how many a batch is cut unless told otherwise. More keep more stages busy, but every matrix
            product of fewer rows reads all weights anew. Two is the least that lets stages of one step work at once;
            where steps overlap, that is one.
    """

    name: str
    summary: str
    priority: tuple[Work, Work, Work]
    credit: Limit
    cap: Limit | None = None
    gate: Gate | None = None
    weight_gradients: Grouping = Grouping.STEP
    lag: OfStage = _no_lag
    stashes: bool = True
    order: Order | None = None
    worker: OfStage = _a_worker_each
    microbatches: int = 2

    def overlap(self, stages: int) -> int:
        """Return how many steps may be under way at once: 1 where the discipline is synchronous."""
        return self.lag(0, stages) + 1

    def is_synchronous(self, stages: int) -> bool:
        """Return whether every step meets the weights that all earlier steps made."""
        return not any(self.lag(s, stages) for s in range(stages))

    def check(self, stages: int, microbatches: int) -> None:
        """Refuse a row that would stand still, as far as its numbers tell; what its gate does, only a run can.

        B is free of credit, so one microbatch in flight is enough. Where W comes once a step, after all B, a cap must
        let every F pass before it.

        Args:
            stages: S.
            microbatches: m; a short batch may have fewer, so that every number up to it is looked at.

        Raises:
            ConfigError: naming the limit, the stage and the number of microbatches.
        """
        for s in range(stages):
            if self.lag(s, stages) < 0:
                raise ConfigError(
                    f"expected `lag` of schedule {self.name} to be at least 0 at stage {s}: no step can "
                    f"meet weights to come, got {self.lag(s, stages)}"
                )
            for m in range(1, microbatches + 1):
                self._expect("credit", self.credit(s, stages, m), 1, s, m)
                if self.cap is not None:
                    least = m if self.weight_gradients is Grouping.STEP else 1
                    self._expect("cap", self.cap(s, stages, m), least, s, m)

    def _expect(self, limit: str, value: int, least: int, s: int, m: int) -> None:
        if value < least:
            raise ConfigError(
                f"expected `{limit}` of schedule {self.name} to be at least {least} at stage {s} "
                f"with {m} microbatches, got {value}: the stage would stand still"
            )
