"""Many actors on few threads: whose turn it is, and that none is forgotten, run twice, or held up by another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from random import Random
from typing import Any

import pytest

from supervisors import (
    BadSpec,
    MailboxLimit,
    Overflow,
    Ref,
    ScheduledActor,
    Scheduler,
)
from tests.supervisors.scheduled.pupils import Log, Pupil, held
from tests.supervisors.stubs import PATIENCE_S, down


def test_an_answer_comes_from_a_thread_of_the_scheduler(one: Scheduler) -> None:
    ref = Pupil.start(one)
    assert ref.ask("hello") == "hello"
    assert ref.ask(lambda actor: threading.current_thread().name).startswith("scheduler-")
    ref.stop()


def test_the_most_urgent_work_of_all_actors_goes_first(one: Scheduler) -> None:
    log = Log()
    pupils = [Pupil.start(one, log) for _ in range(3)]
    holder, gate = held(one)
    for index, urgency in enumerate([5, 3, 8, 1, 9, 2, 4, 7, 6]):
        pupils[index % 3].tell(urgency)
    gate.opened.set()
    assert log.wait(9) == list(range(1, 10))
    for ref in (*pupils, holder):
        ref.stop()


def test_mail_is_received_before_work_is_chosen(one: Scheduler) -> None:
    log = Log()
    ref, other = Pupil.start(one, log), Pupil.start(one, log)

    def busy(actor: Pupil) -> None:
        actor.work += [7, 8]
        other.tell(1)
        ref.tell(0)

    ref.ask(busy)
    assert log.wait(4) == [0, 1, 7, 8]
    ref.stop()
    other.stop()


def test_an_actor_without_work_or_mail_has_no_thread(one: Scheduler) -> None:
    before = threading.active_count()
    refs = [Pupil.start(one) for _ in range(2000)]
    assert threading.active_count() - before <= 1
    assert [ref.ask(str(index)) for index, ref in enumerate(refs[::200])] == [str(index) for index in range(10)]
    for ref in refs:
        ref.stop(block=False)
    assert {down(ref).is_orderly for ref in refs} == {True}


def test_no_actor_is_run_by_two_threads_at_once(two: Scheduler) -> None:
    inside, overlaps, count = set[int](), list[int](), list[int]()

    class Alone(Pupil):
        def on_receive(self, message: Any) -> Any:
            if id(self) in inside:
                overlaps.append(1)
            inside.add(id(self))
            count.append(1)
            inside.discard(id(self))

    refs = [Alone.start(two) for _ in range(4)]

    def send() -> None:
        for number in range(300):
            refs[number % 4].tell(number)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for ref in refs:
        ref.stop()
    assert (overlaps, len(count)) == ([], 1200)


@pytest.mark.usefixtures("_restless_interpreter")
def test_no_message_is_forgotten(two: Scheduler, whole: bool) -> None:
    """Each of many balls is thrown on by the actor that catches it, so many times."""
    throws, balls, done = (20_000, 8, SimpleQueue[int]()) if whole else (1_500, 8, SimpleQueue[int]())

    class Thrower(ScheduledActor):
        def __init__(self, scheduler: Scheduler, seed: int) -> None:
            super().__init__(scheduler)
            self.random = Random(seed)

        def on_receive(self, left: int) -> None:
            (refs[self.random.randrange(len(refs))].tell(left - 1)) if left else done.put(left)

    refs = [Thrower.start(two, seed) for seed in range(5)]
    for _ in range(balls):
        refs[0].tell(throws)
    for _ in range(balls):
        assert done.get(timeout=PATIENCE_S * 5) == 0
    for ref in refs:
        ref.stop()


def test_a_chain_of_questions_may_be_longer_than_there_are_threads(one: Scheduler) -> None:
    refs = [Pupil.start(one) for _ in range(6)]

    def ask_the_next(index: int) -> Callable[[Pupil], int]:
        return lambda actor: 1 + refs[index + 1].ask(ask_the_next(index + 1)) if index < 5 else 1

    assert refs[0].ask(ask_the_next(0), timeout=PATIENCE_S) == 6
    for ref in refs:
        ref.stop()


def test_a_hook_may_wait_for_a_message(one: Scheduler) -> None:
    asked, other = Pupil.start(one), Pupil.start(one)
    future = asked.ask(lambda actor: actor.receive(str), block=False)
    other.ask(lambda actor: asked.tell("here"))
    assert future.get(timeout=PATIENCE_S) == "here"
    asked.stop()
    other.stop()


def test_a_turn_may_start_and_stop_other_actors(one: Scheduler) -> None:
    parent = Pupil.start(one)
    child: Ref[Pupil] = parent.ask(lambda actor: Pupil.start(one), timeout=PATIENCE_S)
    assert child.ask("hello") == "hello"
    assert parent.ask(lambda actor: child.stop(), timeout=PATIENCE_S) is True
    assert not child.is_alive()
    parent.stop()


def test_bounded_mailboxes_that_fill_do_not_hold_up_the_scheduler() -> None:
    class Small(Pupil):
        mailbox_limit = MailboxLimit(2, Overflow.BLOCK)

    with Scheduler(1, blocked_after_s=0.02) as scheduler:
        small, sender = Small.start(scheduler), Pupil.start(scheduler)
        sender.ask(lambda actor: deque(map(small.tell, "twenty words are more"), maxlen=0), timeout=PATIENCE_S)
        assert small.ask("last") == "last"
        small.stop()
        sender.stop()


def test_a_blocked_actor_holds_up_no_other(two: Scheduler) -> None:
    holders = [held(two) for _ in range(4)]
    free = Pupil.start(two)
    assert free.ask("hello", timeout=PATIENCE_S) == "hello"
    for ref, gate in holders:
        gate.opened.set()
        ref.stop()
    free.stop()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "expected `threads` to be an integer >= 1, got 0"),
        ({"threads": True}, "expected `threads` to be an integer >= 1, got True"),
        ({"blocked_after_s": 0}, "expected `blocked_after_s` to be a number > 0, got 0"),
        ({"deadline_s": -1.0}, "expected `deadline_s` to be a number > 0, got -1.0"),
    ],
)
def test_a_number_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSpec, match=message):
        Scheduler(**options)
