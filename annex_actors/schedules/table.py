"""The table of schedules, with the paper behind each row; `register_schedule` adds one of your own.

Rows are pickled by name, since their functions cannot be sent to another process. Before a process unpickles a row of
your own, it runs the file that registers the row.
"""

from __future__ import annotations

import copyreg
from functools import cache

from annex_actors.base import checks
from annex_actors.base.tables import Table
from annex_actors.base.words import counted
from annex_actors.schedules.discipline import B, Discipline, F, Grouping, Progress, W, Work
from annex_actors.schedules.interleaving import Chunk, most_in_flight


def _all_forwards_first(work: Work, at: Progress) -> bool:
    return work is not B or at.forwards == at.m


def _after_s_more(work: Work, at: Progress) -> bool:
    """Make W of microbatch i wait for B of microbatch i + s."""
    return work is not W or at.backwards == at.m or at.backwards - at.weight_gradients > at.s


def _after_2s_more(work: Work, at: Progress) -> bool:
    """Make W of microbatch i wait for B of microbatch i + 2s."""
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
        # Only the first stage's F waits for W. Other stages could defer W for steps, and it would then delay B.
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
    """Return 1F1B with the stages distributed to the workers in rounds (see `interleaving`).

    The bubble is ``chunks`` times smaller than that of 1F1B, and so is a stage. Where every stage has a worker of its
    own, this is just another order of the same work.

    Args:
        chunks: v, stages per worker, >= 1.

    Raises:
        ConfigError: ``chunks`` is not a whole number >= 1.
    """
    return _interleaved(checks.whole_number("chunks", chunks, at_least=1))


@cache  # so that the schedule of a name is always the same value
def _interleaved(v: int) -> Discipline:
    def order(work: Work, s: int, S: int, m: int, microbatch: int) -> int:
        chunk = Chunk(s, S, v, m)
        if work is W:
            return chunk.weight_gradient_place
        return chunk.forward_place(microbatch) if work is F else chunk.backward_place(microbatch)

    return Discipline(
        name=f"interleaved:{v}",
        summary=f"1F1B with {counted(v, 'stage')} on each worker, and a bubble {counted(v, 'time')} smaller "
        "(Narayanan et al. (2021))",
        priority=(B, F, W),
        credit=lambda s, S, m: most_in_flight(Chunk(s, S, v, m)),
        order=order,
        worker=lambda s, S: s % -(-S // v),
    )


DISCIPLINES: Table[Discipline] = Table(
    "schedule",
    {
        **{each.name: each for each in SYNCHRONOUS},
        "interleaved": interleaved(2),
        **{each.name: each for each in ASYNCHRONOUS},
    },
)
"""The schedules by name; `register_schedule` adds one."""


_LONGEST_NUMBER = 10


def register_schedule(row: Discipline) -> Discipline:
    """Register a schedule of your own under its name, for `Learner`, config files and the command line; return it.

    If two of your own have the same name, the last one counts.

    Raises:
        ConfigError: the name is one of this package's, or not one word; or ``row`` is not a `Discipline`.
    """
    checks.instance("row", row, Discipline, "a Discipline; register the row itself")
    DISCIPLINES.register(row.name, row)
    return row


def discipline(schedule: str | Discipline) -> Discipline:
    """Return the schedule of this name, or the schedule itself; ``interleaved:3`` has 3 stages on each worker.

    Raises:
        ConfigError: there is no such schedule, and the message lists all; or something that is no schedule.
    """
    if not isinstance(schedule, str):
        return checks.instance("schedule", schedule, Discipline, 'a name such as "1f1b", or a Discipline')
    family, _, number = schedule.partition(":")
    if family == "interleaved" and number.isdecimal() and len(number) < _LONGEST_NUMBER:
        return interleaved(int(number))
    return DISCIPLINES.find(schedule)


copyreg.pickle(Discipline, lambda row: (discipline, (row.name,)))
