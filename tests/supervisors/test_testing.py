from __future__ import annotations

import threading

import pytest

from supervisors import KILLED, ChildExited, ChildSpec, Clock, Crashed, Ignore, StartContext, Strategy, Supervisor
from supervisors.testing import ManualClock, ScriptedChild, ScriptedCrash, ScriptedStart, crashing
from supervisors.threads.latch import Latch
from tests.supervisors.stubs import PATIENCE_S, Died, Recorder, Worker


def waiter(clock: Clock, latch: Latch, timeout: float | None) -> tuple[threading.Thread, list[bool]]:
    outcome: list[bool] = []
    thread = threading.Thread(target=lambda: outcome.append(clock.wait(latch, timeout)))
    thread.start()
    return thread, outcome


def test_a_manual_clock_goes_only_when_it_is_told_to() -> None:
    clock = ManualClock(now=5)
    assert clock.monotonic() == 5
    clock.advance(2.5)
    assert clock.monotonic() == 7.5


def test_a_wait_on_a_manual_clock_ends_when_it_has_gone_far_enough() -> None:
    clock = ManualClock()
    thread, outcome = waiter(clock, Latch(), 5)
    clock.wait_for_waiters()
    clock.advance(4)
    assert thread.is_alive()
    clock.advance(1)
    thread.join(PATIENCE_S)
    assert outcome == [False]


@pytest.mark.parametrize("timeout", [5, None])
def test_a_wait_on_a_manual_clock_ends_when_what_it_waits_for_happens(timeout: float | None) -> None:
    clock, latch = ManualClock(), Latch()
    thread, outcome = waiter(clock, latch, timeout)
    latch.set()
    thread.join(PATIENCE_S)
    assert outcome == [True]


def test_a_wait_of_no_time_does_not_wait() -> None:
    clock, latch = ManualClock(), Latch()
    assert not clock.wait(latch, 0)
    latch.set()
    assert clock.wait(latch, 0)


def test_waiting_for_waiters_that_do_not_come_fails() -> None:
    with pytest.raises(TimeoutError, match="expected the threads that wait for the clock to be 1, got 0"):
        ManualClock().wait_for_waiters(timeout=0.01)


def test_a_manual_clock_moves_on_to_the_earliest_moment_that_a_thread_waits_for() -> None:
    clock = ManualClock()
    threads = [waiter(clock, Latch(), timeout)[0] for timeout in (3, 7)]
    clock.wait_for_waiters(2)
    assert [clock.advance_to_next(), clock.advance_to_next()] == [3, 4]
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_a_latch_calls_back_once_whether_it_was_set_before_or_after() -> None:
    latch, calls = Latch(), list[str]()
    latch.on_set(lambda: calls.append("before"))
    latch.set()
    latch.set()
    latch.on_set(lambda: calls.append("after"))
    assert calls == ["before", "after"]


def test_crashing_crashes_at_the_messages_of_its_script_and_nowhere_else() -> None:
    recorder = Recorder()
    spec = ChildSpec.of(crashing(Worker, {1: 3, 2: 1}), id="w")
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        for incarnation, answers in ((1, 2), (2, 0)):
            recorder.ready("w", incarnation)
            ref = tree.which_child("w").ref
            assert [ref.ask("ping") for _ in range(answers)] == [incarnation] * answers
            with pytest.raises(ScriptedCrash, match=f"of incarnation {incarnation}: 'ping'"):
                ref.ask("ping")
        recorder.ready("w", 3)
        assert [tree.which_child("w").ref.ask("ping") for _ in range(5)] == [3] * 5


def test_crashing_keeps_the_name_of_the_class() -> None:
    assert ChildSpec.of(crashing(Worker, {})).id == "Worker"


def test_a_scripted_start_gives_its_outcomes_in_order_and_then_children() -> None:
    start = ScriptedStart([Died("first"), "odd", None])
    context = StartContext("w")
    with pytest.raises(Died):
        start(context)
    assert start(context) == "odd"
    children = [start(context), start(context)]
    assert start.children == children
    assert start.child is children[-1]


def test_a_scripted_child_ends_once_and_keeps_what_it_is_told() -> None:
    child = ScriptedChild(StartContext("w"))
    child.tell("hello")
    assert (child.messages, child.depth()) == (["hello"], 1)
    child.exit(KILLED)
    child.crash()
    assert child.reason == KILLED


def test_a_scripted_child_can_be_supervised_like_any_other() -> None:
    recorder, start = Recorder(), ScriptedStart([None, Ignore()])
    with Supervisor.start([ChildSpec("w", start)], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        start.child.crash(Died("scripted"))
        recorder.wait_count(ChildExited, 1)
        assert tree.which_child("w").ref is None
    assert isinstance(start.child.reason, Crashed)
