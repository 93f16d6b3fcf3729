from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest

from supervisors import ChildSpec, DeadlineExceeded, StartContext, Strategy, Supervisor
from supervisors.lifecycle.launch import create, launch
from supervisors.testing import ManualClock
from supervisors.threads.timers import Timers
from tests.supervisors.stubs import PATIENCE_S, Gate, Worker, down


class Calls:
    """Notes the calls of timers, and can be waited at."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self._changed = threading.Condition()

    def note(self, what: Any) -> Any:
        def call() -> None:
            with self._changed:
                self.made.append(what)
                self._changed.notify_all()

        return call

    def wait(self, count: int) -> list[Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.made) >= count, PATIENCE_S)
            return list(self.made)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_calls_are_made_when_they_are_due_in_the_order_of_time(clock: ManualClock) -> None:
    timers, calls = Timers(clock), Calls()
    for delay_s in (3, 1, 2):
        timers.after(delay_s, calls.note(delay_s))
    clock.advance(1)
    assert calls.wait(1) == [1]
    clock.advance(2)
    assert calls.wait(3) == [1, 2, 3]
    timers.stop()


def test_calls_due_at_the_same_time_are_made_first_come_first_served(clock: ManualClock) -> None:
    timers, calls = Timers(clock), Calls()
    for number in range(20):
        timers.after(1, calls.note(number))
    clock.advance(1)
    assert calls.wait(20) == list(range(20))
    timers.stop()


def test_an_earlier_call_that_comes_later_is_made_in_time(clock: ManualClock) -> None:
    timers, calls = Timers(clock), Calls()
    timers.after(100, calls.note("late"))
    clock.wait_for_waiters()
    timers.after(1, calls.note("early"))
    clock.advance(1)
    assert calls.wait(1) == ["early"]
    timers.stop()


def test_a_cancelled_call_is_not_made(clock: ManualClock) -> None:
    timers, calls = Timers(clock), Calls()
    timer = timers.after(1, calls.note("cancelled"))
    timers.after(1, calls.note("kept"))
    assert [timer.cancel(), timer.cancel()] == [True, False]
    clock.advance(1)
    assert calls.wait(1) == ["kept"]
    timers.stop()


def test_cancelled_calls_do_not_pile_up(clock: ManualClock) -> None:
    timers = Timers(clock)
    for _ in range(10_000):
        timers.after(1000, lambda: None).cancel()
    assert len(timers._heap) < 200
    timers.stop()


def test_a_call_that_raises_is_logged_and_harms_no_other(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    timers, calls = Timers(clock), Calls()

    def bad() -> None:
        raise ValueError("not mine")

    timers.after(1, bad)
    timers.after(1, calls.note("other"))
    clock.advance(1)
    assert calls.wait(1) == ["other"]
    assert "a timer's call raised" in caplog.text
    timers.stop()


def test_after_stop_no_call_is_made_and_no_thread_is_left(clock: ManualClock) -> None:
    timers, calls = Timers(clock), Calls()
    timers.after(1, calls.note("never"))
    timers.stop()
    timers.after(0, calls.note("never"))
    clock.advance(10)
    assert calls.made == []
    assert not any(thread.name == "supervisors-timers" for thread in threading.enumerate())


def test_there_is_no_timer_thread_before_it_is_needed_and_one_for_a_whole_tree(clock: ManualClock) -> None:
    specs = [ChildSpec.of(Worker, id=str(number)) for number in range(3)]
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ONE, clock=clock) as tree:
        before = threading.active_count()
        for info in tree.which_children():
            info.ref.ask(lambda actor: actor.send_after(5, "ping"))
        assert threading.active_count() == before + 1


def test_an_actor_tells_itself_something_after_a_while(clock: ManualClock) -> None:
    got = threading.Event()
    with Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=Strategy.ONE_FOR_ONE, clock=clock) as tree:
        ref = tree.which_child("w").ref
        ref.ask(lambda actor: actor.send_after(5, lambda _: got.set()))
        clock.advance(4.9)
        ref.ask("ping")
        assert not got.is_set()
        clock.advance(0.2)
        assert got.wait(PATIENCE_S)


def test_a_message_to_oneself_can_be_taken_back(clock: ManualClock) -> None:
    got: list[str] = []
    with Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=Strategy.ONE_FOR_ONE, clock=clock) as tree:
        ref = tree.which_child("w").ref
        timer = ref.ask(lambda actor: actor.send_after(5, lambda _: got.append("no")))
        last = threading.Event()
        ref.ask(lambda actor: actor.send_after(5, lambda _: last.set()))
        assert timer.cancel()
        clock.advance(5)
        assert last.wait(PATIENCE_S)
        assert got == []


def test_a_message_to_oneself_does_not_reach_the_next_incarnation(clock: ManualClock) -> None:
    got: list[str] = []
    with Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=Strategy.ONE_FOR_ONE, clock=clock) as tree:
        ref = tree.which_child("w").ref
        ref.ask(lambda actor: actor.send_after(5, lambda _: got.append("meant for the dead one")))
        tree.terminate_child("w")
        new = tree.restart_child("w").ref
        clock.advance(5)
        assert new.ask("ping") == 2
        assert got == []


def test_an_ask_fails_at_its_deadline_and_is_not_handled_any_more(clock: ManualClock) -> None:
    handled: list[str] = []
    ref, gate = launch(create(Worker, StartContext("w", clock=clock), (), {})), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    answer = ref.ask(lambda _: handled.append("too late"), block=False, deadline_s=5)
    clock.wait_for_waiters()
    clock.advance(5)
    with pytest.raises(DeadlineExceeded, match="to answer within 5 s"):
        answer.get(timeout=PATIENCE_S)
    gate.opened.set()
    assert ref.ask("ping") == 1
    assert handled == []
    assert ref.dead_letters == 1
    ref.stop()


def test_an_ask_that_is_answered_before_its_deadline_is_answered(clock: ManualClock) -> None:
    ref = launch(create(Worker, StartContext("w", clock=clock), (), {}))
    assert ref.ask("ping", deadline_s=5) == 1
    clock.advance(10)
    assert ref.ask("ping", deadline_s=5) == 1
    ref.stop()


def test_an_answer_after_the_deadline_is_a_dead_letter(clock: ManualClock) -> None:
    ref, gate = launch(create(Worker, StartContext("w", clock=clock), (), {})), Gate()
    answer = ref.ask(gate, block=False, deadline_s=5)
    gate.entered.wait(PATIENCE_S)
    clock.wait_for_waiters()
    clock.advance(5)
    with pytest.raises(pykka.Timeout):
        answer.get(timeout=PATIENCE_S)
    gate.opened.set()
    assert ref.ask("ping") == 1
    assert ref.dead_letters == 1
    ref.stop()


def test_calls_by_proxy_may_be_asked_with_a_deadline_too(clock: ManualClock) -> None:
    ref = launch(create(Worker, StartContext("w", clock=clock), ("a",), {}))
    message = pykka.messages.ProxyGetAttr(attr_path=("names",))
    assert ref.ask(message, deadline_s=5) == ("a",)
    ref.stop()
    assert down(ref).is_orderly
