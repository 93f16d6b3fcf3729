from __future__ import annotations

import threading

import pytest

from supervisors import (
    KILLED,
    SHUTDOWN,
    Abandoned,
    ChildExited,
    ChildShutdownFailed,
    ChildSpec,
    DynamicSupervisor,
    Strategy,
    Supervisor,
    abandoned_threads,
)
from supervisors.lifecycle.signals import Kill
from tests.supervisors.children.stuck import Busy, Polite, open_and_end, stuck_at
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker, down

# A kill in a callback of the garbage collector is printed by the interpreter, and lost.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_an_idle_child_needs_no_ladder() -> None:
    recorder = Recorder()
    Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one", hooks=[recorder]).stop()
    assert [event.reason for event in recorder.events if isinstance(event, ChildExited)] == [SHUTDOWN]
    assert recorder.of(ChildShutdownFailed) == []


def test_a_stop_comes_before_the_messages_that_still_wait() -> None:
    handled: list[str] = []
    gate = Gate()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one")
    ref = tree.which_child("w").ref
    stuck_at(gate, ref)
    ref.tell(lambda _: handled.append("late"))
    stopping = tree.stop(block=False)
    while not ref.actor_state.mailbox.signals:
        tree.wait(0.001)
    gate.opened.set()
    stopping.get()
    assert down(tree) == SHUTDOWN
    assert handled == []
    assert ref.dead_letters == 1


def test_work_may_check_whether_a_stop_waits_for_it() -> None:
    entered = threading.Event()

    def until_asked(actor: Worker) -> None:
        entered.set()
        while not actor.stop_requested:
            pass

    tree = Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one")
    ref = tree.which_child("w").ref
    ref.tell(until_asked)
    entered.wait(PATIENCE_S)
    tree.stop()
    assert ref.exit_reason == SHUTDOWN


def test_a_child_that_heeds_its_cancel_token_ends_without_an_exception() -> None:
    work = Polite()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy="one_for_one")
    ref = tree.which_child("w").ref
    ref.tell(work)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert ref.exit_reason in (SHUTDOWN, KILLED)
    assert abandoned_threads() == []


def test_case_17_a_child_busy_past_its_time_is_killed_by_an_exception_and_its_sibling_ends_in_order() -> None:
    recorder, work = Recorder(), Busy()
    tree = Supervisor.start(
        [ChildSpec.of(Worker, id="idle"), ChildSpec.of(Worker, id="busy", shutdown=0.01)],
        strategy=Strategy.ONE_FOR_ONE,
        hooks=[recorder],
    )
    idle, busy = tree.which_child("idle").ref, tree.which_child("busy").ref
    busy.tell(work)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert (idle.exit_reason, busy.exit_reason) == (SHUTDOWN, KILLED)
    assert isinstance(work.left_by, Kill)
    assert [event.id for event in recorder.of(ChildShutdownFailed)] == ["busy"]


def test_case_18_the_same_for_a_dynamic_supervisor() -> None:
    gate, work = Gate(), Busy()
    tree = DynamicSupervisor.start()
    idle, stuck, busy = (tree.start_child(ChildSpec.of(Worker, shutdown=0.01)).ref for _ in range(3))
    stuck_at(gate, stuck)
    busy.tell(work)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert idle.exit_reason == SHUTDOWN
    assert busy.exit_reason == KILLED
    assert isinstance(stuck.exit_reason, Abandoned)
    open_and_end(gate, stuck)
