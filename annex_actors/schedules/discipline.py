"""A pipeline schedule is a mailbox discipline: it says which of the arrived messages a stage works on next.

A discipline is data. It ranks the three kinds of work: forward (F), input gradient (B) and weight gradient (W). It
gives credit: how many microbatches a stage may have in flight, after F and before B. It may cap how many weight
gradients are deferred, and close a gate before some work. Credit never blocks B, so that the oldest microbatch in
flight can always drain.

It also says which weights a microbatch meets. With a synchronous discipline, step t meets version t, the weights after
t updates, so that the result does not depend on the discipline. With an asynchronous one, step t meets an older
version, given by a formula: a stage that lags by d takes version max(0, t - d), whenever the messages arrive. So the
weights are reproducible there too, and the end of an epoch needs no special case: a drained pipe changes no version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.words import counted


class Work(Enum):
    """The three kinds of work on a microbatch, with the letters of the papers."""

    FORWARD = "F"
    BACKWARD = "B"
    WEIGHT_GRADIENT = "W"


class Grouping(Enum):
    """How the weight gradient of a step is computed. It decides the bits, so the oracle uses the same grouping."""

    STEP = "step"
    """One matrix product for all microbatches, after the B of the last one: the fastest."""

    MICROBATCH = "microbatch"
    """A product for each, summed in their order: small work that fills idle time and frees activations early."""


class Progress(NamedTuple):
    """How far stage s of S has got in a step of m microbatches: for how many it has done each kind of work."""

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
"""Whether this work may be done now for the next microbatch."""

Order: TypeAlias = Callable[[Work, int, int, int, int], int]
"""A place in the order of a worker's work in a step, from (work, s, S, m, microbatch)."""

_MOST = 10**7
"""Stages times microbatches: each is looked at, and so many take some seconds."""

F, B, W = Work.FORWARD, Work.BACKWARD, Work.WEIGHT_GRADIENT


def _no_lag(s: int, S: int) -> int:
    return 0


def _own_worker(s: int, S: int) -> int:
    return s


@dataclass(frozen=True, slots=True)
class Discipline:
    """One row of the table of schedules.

    Args:
        name: as users write it.
        summary: one line for users.
        priority: the kinds of work, most urgent first.
        credit: the most microbatches in flight at a stage: F is allowed while forwards - backwards < credit.
        cap: the most microbatches whose W is deferred: F is allowed while forwards - weight gradients < cap. None: no
            cap.
        gate: decides on any work that credit and cap allow; None: always open.
        weight_gradients: how W is grouped.
        lag: by how many steps the weights of a stage lag: step t takes version max(0, t - lag). 0: synchronous.
        stashes: whether B meets the weights that F met. If not, it meets version t, and the result is the gradient of
            no function.
        order: the place of a piece of work among all that the stages of one worker do in a step, from 0. None: by
            priority, then the oldest step and microbatch, then the lowest stage.
        worker: the worker that a stage belongs to, where the placement leaves it to the schedule.
        microbatches: the default number of microbatches in a batch. More keep more stages busy, but each matrix product
            then has fewer rows and still reads all weights. With two, the stages of one step can work at once; where
            steps overlap, one is enough.

    Raises:
        ConfigError: a field of another kind, or out of range.
    """

    name: str
    summary: str
    priority: tuple[Work, Work, Work]
    credit: Limit
    cap: Limit | None = None
    gate: Gate | None = None
    weight_gradients: Grouping | str = Grouping.STEP
    lag: OfStage = _no_lag
    stashes: bool = True
    order: Order | None = None
    worker: OfStage = _own_worker
    microbatches: int = 2

    def __post_init__(self) -> None:
        functions = {"credit": 3, "cap": 3, "gate": 2, "lag": 2, "order": 5, "worker": 2}
        for name, arguments in functions.items():
            if getattr(self, name) is not None or name not in ("cap", "gate", "order"):
                checks.function(name, getattr(self, name), arguments, wanted="a function")
        checks.keep(
            self,
            name=checks.text("name", self.name),
            summary=checks.text("summary", self.summary),
            priority=_checked_priority(self.priority),
            weight_gradients=checks.member("weight_gradients", self.weight_gradients, Grouping),
            stashes=checks.boolean("stashes", self.stashes),
            microbatches=checks.whole_number("microbatches", self.microbatches, at_least=1),
        )

    def __repr__(self) -> str:
        return f"Discipline({self.name!r}: {self.summary})"

    def overlap(self, stages: int) -> int:
        """Return how many steps may be under way at once; 1 for a synchronous discipline."""
        checks.whole_number("stages", stages, at_least=1)
        return self.lag(0, stages) + 1

    def is_synchronous(self, stages: int) -> bool:
        """Return whether every step meets the weights after all earlier steps."""
        checks.whole_number("stages", stages, at_least=1, limit=_MOST)
        return not any(self.lag(s, stages) for s in range(stages))

    def check(self, stages: int, microbatches: int) -> None:
        """Refuse a row that would stand still, as far as its numbers tell; only a run can test its gate.

        B needs no credit, so one microbatch in flight is enough. Where W is done once a step, after all B, a cap must
        allow every F before it.

        Args:
            stages: S.
            microbatches: m; a short batch may have fewer, so every number up to m is checked.

        Raises:
            ConfigError: a limit that is too small; the message names it, the stage and the number of microbatches.
        """
        checks.whole_number("stages", stages, at_least=1, limit=_MOST)
        checks.whole_number("microbatches", microbatches, at_least=1, limit=_MOST)
        if stages * microbatches > _MOST:
            raise ConfigError(f"expected stages x microbatches to be at most {_MOST:,}, got more; ask for fewer")
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
                f"with {counted(m, 'microbatch')}, got {value}: the stage would stand still"
            )


def _checked_priority(priority: Sequence[Work | str]) -> tuple[Work, Work, Work]:
    wanted = "the three kinds of work, most urgent first, such as (B, F, W)"
    given = [checks.member("priority", each, Work) for each in checks.several("priority", priority, wanted)]
    if sorted(each.value for each in given) != sorted(each.value for each in Work):
        raise ConfigError(f"expected `priority` to be {wanted}, got {shown(priority)}")
    first, second, third = given
    return first, second, third
