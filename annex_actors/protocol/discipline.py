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

from annex_actors import expect
from annex_actors.errors import ConfigError
from annex_actors.protocol.interleaving import Chunk, most_in_flight


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


class At(NamedTuple):
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

Gate: TypeAlias = Callable[[Work, At], bool]
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

    def __reduce__(self) -> tuple[Callable[[str], Discipline], tuple[str]]:
        """Pickle a row by its name, since functions have no other way to another process."""
        return discipline, (self.name,)


def _all_forwards_first(work: Work, at: At) -> bool:
    return work is not B or at.forwards == at.m


def _after_s_more(work: Work, at: At) -> bool:
    """Let W of microbatch i wait for B of microbatch i + s."""
    return work is not W or at.backwards == at.m or at.backwards - at.weight_gradients > at.s


def _after_2s_more(work: Work, at: At) -> bool:
    """Let W of microbatch i wait for B of microbatch i + 2s."""
    return work is not W or at.backwards == at.m or at.backwards - at.weight_gradients > 2 * at.s


SYNCHRONOUS = (
    Discipline(
        name="sequential",
        summary="one microbatch at a time through the whole network: the plain program",
        priority=(B, F, W),
        credit=lambda s, S, m: 1,
    ),
    Discipline(
        name="gpipe",
        summary="all microbatches forward, then all back (Huang et al. (2019), GPipe)",
        priority=(F, B, W),
        credit=lambda s, S, m: m,
        gate=_all_forwards_first,
    ),
    Discipline(
        name="1f1b",
        summary="one forward, one backward: as GPipe, with S-s activations kept instead of m (Narayanan et al. (2019))",
        priority=(B, F, W),
        credit=lambda s, S, m: S - s,
    ),
    Discipline(
        name="1f1b-latency-hiding",
        summary="1F1B with enough in flight to hide a hop that takes up to a third of the work",
        priority=(B, F, W),
        credit=lambda s, S, m: 2 * (S - s) - 1,
    ),
    Discipline(
        name="zb-h1",
        summary="weight gradients fill the bubble, in 1F1B's memory (Qi et al. (2023), Zero bubble)",
        priority=(W, F, B),
        credit=lambda s, S, m: S - s,
        cap=lambda s, S, m: S,
        gate=_after_s_more,
        weight_gradients=Grouping.MICROBATCH,
    ),
    Discipline(
        name="zb-h2",
        summary="no bubble where F, B and W take equally long, in twice 1F1B's memory (Qi et al. (2023), Zero bubble)",
        priority=(W, F, B),
        credit=lambda s, S, m: 2 * (S - s) - 1,
        cap=lambda s, S, m: 2 * S - 1,
        gate=_after_2s_more,
        weight_gradients=Grouping.MICROBATCH,
    ),
)

ASYNCHRONOUS = (
    Discipline(
        name="pipedream",
        summary="never flushes: stage s meets weights S-1-s steps old, F and B the same (Narayanan et al. (2019))",
        priority=(B, F, W),
        credit=lambda s, S, m: S - s,
        lag=lambda s, S: S - 1 - s,
        microbatches=1,
    ),
    Discipline(
        name="pipedream-vertical",
        summary="PipeDream with the same version at all stages, S-1 steps old: vertical sync",
        # Only the first stage's F waits for W. The others could put W off for steps, and then stand in B's way.
        priority=(B, W, F),
        credit=lambda s, S, m: S - s,
        lag=lambda s, S: S - 1,
        microbatches=1,
    ),
    Discipline(
        name="2bw",
        summary="two versions, one step old, however many stages (Narayanan et al. (2021), PipeDream-2BW)",
        priority=(B, F, W),
        credit=lambda s, S, m: S - s,
        lag=lambda s, S: 1,
        microbatches=1,
    ),
    Discipline(
        name="no-stash",
        summary="FOR TEACHING: F and B meet different weights, so that the result is the gradient of no function",
        priority=(B, F, W),
        credit=lambda s, S, m: S - s,
        lag=lambda s, S: S - 1 - s,
        stashes=False,
        microbatches=1,
    ),
)


def interleaved(chunks: int) -> Discipline:
    """Return 1F1B over stages that are dealt out to workers in rounds (`interleaving`).

    The bubble is ``chunks`` times smaller than that of 1F1B, and so is a stage. Where every stage has a worker of its
    own, this is one more order of the same work.

    Args:
        chunks: v, stages per worker, >= 1.
    """
    v = expect.whole_number("chunks", chunks, at_least=1)

    def order(work: Work, s: int, S: int, m: int, microbatch: int) -> int:
        chunk = Chunk(s, S, v, m)
        if work is W:
            return chunk.weight_gradient_place
        return chunk.forward_place(microbatch) if work is F else chunk.backward_place(microbatch)

    return Discipline(
        name=f"interleaved:{v}",
        summary=f"1F1B with {v} stages on each worker, and a bubble {v} times smaller (Narayanan et al. (2021))",
        priority=(B, F, W),
        credit=lambda s, S, m: most_in_flight(Chunk(s, S, v, m)),
        order=order,
        worker=lambda s, S: s % -(-S // v),
    )


DISCIPLINES: dict[str, Discipline] = {
    **{each.name: each for each in SYNCHRONOUS},
    "interleaved": interleaved(2),
    **{each.name: each for each in ASYNCHRONOUS},
}
"""The schedules by name; `register` adds one."""

_OURS = frozenset(DISCIPLINES)


def register(row: Discipline) -> Discipline:
    """Give a schedule of your own its name, for `Learner` and the command line, and return it.

    Of two of your own with the same name the last one counts, so that a file may be run twice.

    Raises:
        ConfigError: the name is one of this package's, or holds a colon or a space.
    """
    if not row.name or set(row.name) & set(": ") or row.name in _OURS:
        raise ConfigError(f"expected a new name for the schedule, without colons and spaces, got {row.name!r}")
    DISCIPLINES[row.name] = row
    return row


def discipline(name: str) -> Discipline:
    """Return the discipline of that name; ``interleaved:3`` has 3 stages on each worker.

    Raises:
        ConfigError: no such discipline; the message lists all.
    """
    family, _, number = name.partition(":")
    if family == "interleaved" and number.isdecimal():
        return interleaved(int(number))
    return DISCIPLINES[name] if name in DISCIPLINES else expect.unknown("schedule", name, DISCIPLINES)
