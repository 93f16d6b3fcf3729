"""A pipeline schedule is a mailbox discipline: which of the messages that have arrived a stage works on next.

A discipline is data. It ranks the three kinds of work, forward (F), input gradient (B) and weight gradient (W); it
gives credit, how many microbatches a stage may have forwarded and not yet taken back; it may cap how many weight
gradients are put off, and hold gradients back until all forwards are done. B is never blocked by credit, so the oldest
microbatch in flight can always drain, and no discipline can deadlock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from annex_actors import expect
from annex_actors.errors import ConfigError


class Work(Enum):
    """The three kinds of work on a microbatch, by the letters of the papers."""

    FORWARD = "F"
    BACKWARD = "B"
    WEIGHT_GRADIENT = "W"


Limit: TypeAlias = Callable[[int, int, int], int]
"""A number of microbatches, from (stage s, number of stages S, microbatches of the step m)."""

F, B, W = Work.FORWARD, Work.BACKWARD, Work.WEIGHT_GRADIENT


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
        backward_waits: B waits until every microbatch of the step went forward.
    """

    name: str
    summary: str
    priority: tuple[Work, Work, Work]
    credit: Limit
    cap: Limit | None = None
    backward_waits: bool = False

    def check(self, stages: int, microbatches: int) -> None:
        """Refuse a row that would stand still: before the step's end some stage could do nothing more.

        B is free of credit, so one microbatch in flight is enough, unless B waits for all. W comes once a step, after
        all B, so that a cap must let every F pass before it.

        Args:
            stages: S.
            microbatches: m; a short batch may have fewer, so that every number up to it is looked at.

        Raises:
            ConfigError: naming the limit, the stage and the number of microbatches.
        """
        for m in range(1, microbatches + 1):
            for s in range(stages):
                self._expect("credit", self.credit(s, stages, m), m if self.backward_waits else 1, s, m)
                if self.cap is not None:
                    self._expect("cap", self.cap(s, stages, m), m, s, m)

    def _expect(self, limit: str, value: int, least: int, s: int, m: int) -> None:
        if value < least:
            raise ConfigError(
                f"expected `{limit}` of schedule {self.name} to be at least {least} at stage {s} "
                f"with {m} microbatches, got {value}: the stage would stand still"
            )


SEQUENTIAL = Discipline(
    name="sequential",
    summary="one microbatch at a time through the whole network: the plain program",
    priority=(B, F, W),
    credit=lambda s, S, m: 1,
)
GPIPE = Discipline(
    name="gpipe",
    summary="all microbatches forward, then all back (Huang et al. (2019), GPipe)",
    priority=(F, B, W),
    credit=lambda s, S, m: m,
    backward_waits=True,
)
ONE_FORWARD_ONE_BACKWARD = Discipline(
    name="1f1b",
    summary="one forward, one backward: as GPipe, with S-s activations kept instead of m (Narayanan et al. (2019))",
    priority=(B, F, W),
    credit=lambda s, S, m: S - s,
)

DISCIPLINES: dict[str, Discipline] = {each.name: each for each in (SEQUENTIAL, GPIPE, ONE_FORWARD_ONE_BACKWARD)}


def discipline(name: str) -> Discipline:
    """Return the discipline of that name.

    Raises:
        ConfigError: no such discipline; the message lists all.
    """
    return DISCIPLINES[name] if name in DISCIPLINES else expect.unknown("schedule", name, DISCIPLINES)
