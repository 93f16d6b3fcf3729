"""The memory that a stage needs, of the bytes of its layers and of what its schedule lets it keep: pure functions.

What layers need while they compute is not counted, nor is what a process needs for Python and its libraries, nor the
store of commits, nor messages on their way: all of these need not be where the stage is, or are the same for any plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from annex_actors.base import checks
from annex_actors.base.byte_counts import bytes_shown
from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.placement.plan import Plan
from annex_actors.protocol.replicas import cuts
from annex_actors.schedules.discipline import Discipline


class HasBytes(Protocol):
    """A layer whose bytes are known, such as a `LayerProfile`; see there for what they mean."""

    @property
    def parameter_bytes(self) -> int:
        """Of the parameters."""

    @property
    def optimizer_bytes(self) -> int:
        """Of the optimizer's slots."""

    @property
    def saved_bytes(self) -> int:
        """Of what F leaves for B, of a microbatch."""

    @property
    def factor_bytes(self) -> int:
        """Of what B leaves for W, of a microbatch."""

    @property
    def divided_rows(self) -> int:
        """How many rows has the array that replicas divide; 0: there is none."""

    @property
    def divided_bytes(self) -> int:
        """Of the optimizer's slots of that array."""


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """The bytes of a layer, where no more is known of it.

    Args:
        parameter_bytes: see `HasBytes`, as the others.
        optimizer_bytes: of the optimizer's slots.
        saved_bytes: of what F leaves for B.
        factor_bytes: of what B leaves for W.
        divided_rows: of the array that replicas divide; 0: there is none.
        divided_bytes: of the optimizer's slots of that array.
    """

    parameter_bytes: int
    optimizer_bytes: int
    saved_bytes: int
    factor_bytes: int
    divided_rows: int = 0
    divided_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StageMemory:
    """The most bytes that a stage keeps.

    Args:
        weights: of all versions that are kept, and of the next one, which is made beside them.
        gradients: of a step.
        slots: of the optimizer, and of the next ones, which are made beside them.
        activations: of what F leaves for B and B for W, of all microbatches that are kept.
    """

    weights: int
    gradients: int
    slots: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.slots + self.activations

    def __str__(self) -> str:
        """Return the bytes in words, such as ``9.1 MB (weights 4.2 MB, ...)``."""
        parts = {"weights": self.weights, "gradients": self.gradients, "optimizer": self.slots}
        words = [f"{name} {bytes_shown(count)}" for name, count in {**parts, "activations": self.activations}.items()]
        return f"{bytes_shown(self.total)} ({', '.join(words)})"


def slot_bytes(layer: HasBytes, replicas: int) -> int:
    """Return the bytes of the optimizer's slots of a layer that one of its replicas keeps, the one with most rows."""
    parts = cuts(layer.divided_rows, replicas) if replicas > 1 else ()
    if not parts:
        return layer.optimizer_bytes
    most = max(part.stop - part.start for part in parts)
    own: int = layer.divided_bytes * most // layer.divided_rows
    return layer.optimizer_bytes - layer.divided_bytes + own


def stage_memory(
    layers: Iterable[HasBytes], *, in_flight: int, deferred: int, versions: int, replicas: int = 1
) -> StageMemory:
    """Return the memory of a stage, or of one of its replicas.

    A microbatch whose F is done and whose B is not has what F saved; one whose B is done and whose W is not has what B
    left. Most are kept while microbatches are in flight, or at the end of the step, when W is left of all of them.

    Args:
        layers: of the stage.
        in_flight: the most microbatches whose F is done and whose B is not.
        deferred: the most whose F is done and whose W is not.
        versions: how many of the weights are kept, >= 1.
        replicas: how many divide the slots, >= 1.
    """
    own = list(layers)
    parameters = sum(each.parameter_bytes for each in own)
    saved, factors = sum(each.saved_bytes for each in own), sum(each.factor_bytes for each in own)
    waiting = max(deferred - in_flight, 0)
    activations = max(in_flight * saved + waiting * factors, deferred * factors)
    slots = 2 * sum(slot_bytes(each, replicas) for each in own)
    return StageMemory((versions + 1) * parameters, parameters, slots, activations)


def plan_memory(plan: Plan, layers: Sequence[HasBytes], row: Discipline, microbatches: int) -> tuple[StageMemory, ...]:
    """Return the most memory that each stage of a plan may need; of one of its replicas, if it has several.

    A replica has its share of the microbatches in flight and its rows of the slots, and what B leaves for W of all
    microbatches.

    Args:
        plan: for these layers.
        layers: the bytes of each, the cost as the last one.
        row: the schedule.
        microbatches: of a step, >= 1.

    Raises:
        ConfigError: the plan is for another number of layers.
    """
    plan.check(len(layers) - 1)
    m, stages = checks.whole_number("microbatches", microbatches, at_least=1), len(plan.stages)
    found = []
    for s, (stage, indices) in enumerate(zip(plan.stages, plan.ranges, strict=True)):
        lag = row.lag(s, stages)
        all_of_them = (lag + 1) * m
        deferred = all_of_them if row.cap is None else min(all_of_them, row.cap(s, stages, m))
        in_flight = min(row.credit(s, stages, m), deferred, -(-all_of_them // stage.replicas))
        own = [layers[index] for index in indices]
        kept = {"in_flight": in_flight, "deferred": deferred, "versions": lag + 1, "replicas": stage.replicas}
        found.append(stage_memory(own, **kept))
    return tuple(found)


def check_fits(plan: Plan, layers: Sequence[HasBytes], row: Discipline, microbatches: int) -> None:
    """Refuse a plan of which a stage may need more memory than it has.

    Raises:
        ConfigError: a stage does not fit; the message says how much it needs, and for what.
    """
    for s, (stage, needs) in enumerate(zip(plan.stages, plan_memory(plan, layers, row, microbatches), strict=True)):
        if stage.memory is not None and needs.total > stage.memory:
            what = f"stage {s} with {counted(microbatches, 'microbatch')} and {row.name}"
            raise ConfigError(
                f"expected {what} to fit in its `memory` of {bytes_shown(stage.memory)}, got {needs}; "
                "give it fewer layers or more memory, or choose another schedule"
            )
