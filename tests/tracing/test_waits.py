"""Why a peer waited: each reason in a few pieces of work, with the times worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annex_actors.protocol.messages import WHOLE_STEP, Address
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.schedules.table import discipline
from annex_actors.tracing.pieces import Flow, Work
from annex_actors.tracing.waits import (
    CORE,
    CREDIT,
    FINISHED,
    HOP,
    NO_ACTIVATION,
    NO_GRADIENT,
    NO_MESSAGE,
    NOT_STARTED,
    NOT_TRACED,
    REASONS,
    RESTARTING,
    SCHEDULE,
    Waits,
)

PEER, BEFORE = Address("stage", 0), Address("trainer")

Piece = tuple[Work, Flow | None]
Expected = list[tuple[float, float, str]]


def piece(kind: str, start: float, end: float, received: float | None = None, **place: Any) -> Piece:
    """Return a piece of work of the first stage, and its message if there was one.

    Args:
        kind: of both.
        start: of the work.
        end: of the work.
        received: when the message was there.
        place: ``sent``, by default when it was received; ``step``, ``microbatch`` and ``version``, by default 0.
    """
    step, microbatch = place.get("step", 0), place.get("microbatch", 0)
    work = Work(PEER, kind, step, microbatch, start, end, incarnation=1, version=place.get("version", 0))
    if received is None:
        return work, None
    return work, Flow(kind, BEFORE, PEER, step, microbatch, 8, place.get("sent", received), received, 1)


def waits(
    *pieces: Piece,
    schedule: str | None = None,
    stages: int = 1,
    end: float | None = None,
    others: Sequence[tuple[float, float]] = (),
    cores: int | None = None,
    is_sample: bool = False,
) -> Expected:
    """Return the waits of the first stage, from time 0: start, end and reason of each.

    Args:
        pieces: its work.
        schedule: its name; None: not known.
        stages: how many.
        end: of the trace; by default that of the last piece.
        others: when other peers worked.
        cores: how many may work at once.
        is_sample: whether steps between are left out.
    """
    works, flows = [work for work, _ in pieces], [flow for _, flow in pieces]
    until = works[-1].end if end is None else end
    every = [*((each.start, each.end) for each in works), *others]
    row = None if schedule is None else discipline(schedule)
    found = Waits(0.0, until, every, cores=cores, row=row, stages=stages, is_sample=is_sample).of(PEER, works, flows)
    for idle in found:
        assert idle.peer == PEER
        following = next((work for work in works if work.start >= idle.end), None)
        place = (None, None, None) if following is None else (following.kind, following.step, following.microbatch)
        assert (idle.kind, idle.step, idle.microbatch) == place
    return [(idle.start, idle.end, idle.reason) for idle in found]


def started(start: float = 0.0, end: float = 1.0) -> Piece:
    return piece(START, start, end, microbatch=WHOLE_STEP)


def test_an_activation_is_not_sent_yet_then_on_its_way_and_then_no_core_is_free() -> None:
    forward = piece("forward", 6, 7, 4, sent=3)
    assert waits(started(), forward) == [(1, 3, NO_ACTIVATION), (3, 4, HOP), (4, 6, CORE)]


def test_no_time_is_waited_for_a_message_that_is_there_before_the_work_ends() -> None:
    assert waits(started(end=5), piece("forward", 5, 6, 2, sent=1)) == []


def test_a_message_that_is_sent_while_the_peer_works_is_only_on_its_way() -> None:
    assert waits(started(end=3), piece("forward", 5, 6, 5, sent=1)) == [(3, 5, HOP)]


def test_what_is_missing_is_named_by_the_kind_of_the_next_work() -> None:
    for kind, reason in {
        "forward": NO_ACTIVATION,
        "predict": NO_ACTIVATION,
        "backward": NO_GRADIENT,
        "weight gradient": NO_MESSAGE,
        "committed": NO_MESSAGE,
        "target": NO_MESSAGE,
    }.items():
        assert waits(started(), piece(kind, 4, 5, 4)) == [(1, 4, reason)]


def test_credit_is_spent_where_an_activation_is_there_and_too_many_are_in_flight() -> None:
    first, backward = piece("forward", 1, 2, 0.5), piece("backward", 6, 7, 5, sent=4)
    for received, reason in {1.5: CREDIT, 2.0: CREDIT, 2.5: NO_GRADIENT, 6.5: NO_GRADIENT}.items():
        second = piece("forward", 7, 8, received, microbatch=1)
        assert waits(started(), first, backward, second, schedule="1f1b") == [
            (2, 4, reason),
            (4, 5, HOP),
            (5, 6, CORE),
        ]


def test_work_that_was_there_and_allowed_has_waited_for_a_core_though_other_work_was_done_first() -> None:
    first, backward = piece("forward", 1, 2, 0.5), piece("backward", 6, 7, 5, sent=4)
    second = piece("forward", 7, 8, 3, microbatch=1, sent=2.5)
    assert waits(started(), first, backward, second, schedule="1f1b", stages=2) == [
        (2, 2.5, NO_ACTIVATION),
        (2.5, 3, HOP),
        (3, 6, CORE),
    ]


def test_an_activation_of_a_step_whose_weights_are_not_there_yet_is_no_work_to_do() -> None:
    first, backward = piece("forward", 1, 2, 0.5), piece("backward", 6, 7, 5, sent=4)
    later = piece("forward", 8, 9, 1.5, step=1, version=1)
    assert waits(started(), first, backward, later, schedule="1f1b", stages=2)[0] == (2, 4, NO_GRADIENT)


def test_a_schedule_that_asks_for_other_work_first_keeps_a_gradient_waiting() -> None:
    first, second = piece("forward", 1, 2, 0.5), piece("forward", 5, 6, 4, microbatch=1, sent=3)
    backward = piece("backward", 6, 7, 1.5)
    expected = [(2, 3, SCHEDULE), (3, 4, HOP), (4, 5, CORE)]
    assert waits(started(), first, second, backward, schedule="gpipe") == expected
    assert waits(started(), first, second, backward, schedule="1f1b") == [(2, 5, CORE)]


def test_what_a_stage_sends_itself_is_there_at_once() -> None:
    pieces = [
        *(started(), piece("forward", 1, 2, 0.5), piece("backward", 3, 4)),
        piece("weight gradient", 6, 7, microbatch=WHOLE_STEP),
    ]
    assert waits(*pieces) == [(2, 3, CORE), (4, 6, CORE)]


def test_a_forward_of_the_last_stage_is_able_to_begin_with_its_target() -> None:
    target, forward = piece("target", 5, 5.5, 5, sent=4), piece("forward", 7, 8, 2)
    assert waits(started(), target, forward) == [(1, 4, NO_MESSAGE), (4, 5, HOP), (5.5, 7, CORE)]


def test_a_message_that_no_core_is_free_to_receive_waits_for_a_core() -> None:
    forward = piece("forward", 8, 9, 8, sent=2)
    for others, cores, reason in (
        ([(2.0, 6.0), (3.0, 8.0)], 1, CORE),
        ([(2.0, 6.0), (3.0, 8.0)], 2, HOP),
        ([(2.0, 7.0), (3.0, 8.0)], 2, CORE),
        ([(2.0, 7.0), (3.0, 8.0)], None, HOP),
    ):
        assert waits(started(), forward, others=others, cores=cores) == [(1, 2, NO_ACTIVATION), (2, 8, reason)]


def test_before_its_start_a_peer_is_not_there_and_before_a_later_one_it_is_restarted() -> None:
    forward = piece("forward", 3, 4, 2)
    assert waits(started(2, 3), forward, started(7, 8)) == [(0, 2, NOT_STARTED), (4, 7, RESTARTING)]


def test_a_restart_gives_back_all_credit() -> None:
    again = piece("forward", 6, 7, 5.5, microbatch=1)
    assert waits(started(), piece("forward", 1, 2, 0.5), started(4, 5), again, schedule="1f1b") == [
        (2, 4, RESTARTING),
        (5, 5.5, NO_ACTIVATION),
        (5.5, 6, CORE),
    ]


def test_after_its_last_work_a_peer_has_finished() -> None:
    assert waits(started(), end=4) == [(1, 4, FINISHED)]
    assert waits(started(), end=1) == []


def test_in_a_sample_the_steps_between_are_not_traced() -> None:
    pieces = [
        piece("forward", 1, 2, 1),
        piece("forward", 4, 5, 4, step=1, sent=3),
        piece("forward", 9, 10, 8, step=400, sent=7),
    ]
    between = [(2, 3, NO_ACTIVATION), (3, 4, HOP)]
    assert waits(*pieces, is_sample=True) == [(0, 1, NOT_TRACED), *between, (5, 9, NOT_TRACED)]
    assert waits(*pieces)[-3:] == [(5, 7, NO_ACTIVATION), (7, 8, HOP), (8, 9, CORE)]


def test_a_message_with_an_unknown_sender_is_on_its_way_from_the_beginning() -> None:
    assert waits(started(), piece("ask", 4, 5, 3, sent=None)) == [(1, 3, HOP), (3, 4, CORE)]


def test_every_reason_has_its_example_here() -> None:
    examples = {CORE, CREDIT, FINISHED, HOP, NO_ACTIVATION, NO_GRADIENT, NO_MESSAGE}
    assert examples | {NOT_STARTED, NOT_TRACED, RESTARTING, SCHEDULE} == set(REASONS)
