from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from supervisors import (
    BRUTAL_KILL,
    INFINITY,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Abandoned,
    ActorDead,
    ChildExited,
    ChildShutdownFailed,
    ChildSpec,
    ChildType,
    Crashed,
    Reason,
    Restart,
    Shutdown,
    Strategy,
    Supervisor,
)
from supervisors.lifecycle.signals import StopSignal
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Recorder, Worker, down, tell_and_see_die

ONE = Strategy.ONE_FOR_ONE


@pytest.mark.parametrize("kind", ChildType)
def test_case_16_infinity_is_a_shutdown_time_for_workers_and_supervisors(kind: ChildType) -> None:
    clock, gate = ManualClock(), Gate()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=INFINITY, type=kind)], strategy=ONE, clock=clock)
    ref = tree.which_child("w").ref
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    stopping = tree.stop(block=False)
    clock.advance(1e9)
    assert tree.is_alive()
    gate.opened.set()
    stopping.get(timeout=PATIENCE_S)
    assert (ref.exit_reason, down(tree)) == (SHUTDOWN, SHUTDOWN)


def test_a_child_gets_its_time_to_stop_and_is_not_forced_before_it_is_over() -> None:
    clock, gate, recorder = ManualClock(), Gate(), Recorder()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=5)], strategy=ONE, clock=clock, hooks=[recorder])
    ref = tree.which_child("w").ref
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    stopping = tree.stop(block=False)
    clock.wait_for_waiters()
    clock.advance(4.9)
    assert not ref.actor_state.cancelled.is_set()
    gate.opened.set()
    stopping.get(timeout=PATIENCE_S)
    assert ref.exit_reason == SHUTDOWN
    assert recorder.of(ChildShutdownFailed) == []


def test_no_thread_is_left_after_a_stop() -> None:
    before = threading.active_count()
    tree = Supervisor.start([ChildSpec.of(Worker, id=str(n)) for n in range(20)], strategy=ONE)
    assert threading.active_count() == before + 21
    tree.stop()
    assert threading.active_count() == before


def test_a_supervisor_is_stopped_at_the_end_of_a_with_block() -> None:
    with Supervisor.start([Worker], strategy=ONE) as tree:
        ref = tree.which_child("Worker").ref
    assert (down(tree), down(ref)) == (SHUTDOWN, SHUTDOWN)


def test_wait_returns_none_when_time_is_up_and_the_reason_when_it_is_over() -> None:
    tree = Supervisor.start([], strategy=ONE)
    assert tree.wait(0.001) is None
    tree.stop()
    assert tree.wait(0.001) == SHUTDOWN


@pytest.mark.parametrize(
    ("restart", "shutdown", "reason", "expected"),
    [
        (Restart.PERMANENT, 5, SHUTDOWN, True),
        (Restart.PERMANENT, 5, Shutdown("why"), False),
        (Restart.PERMANENT, 5, NORMAL, False),
        (Restart.PERMANENT, 5, KILLED, False),
        (Restart.TRANSIENT, 5, NORMAL, True),
        (Restart.TEMPORARY, 5, Shutdown("why"), True),
        (Restart.TRANSIENT, 5, Crashed(Died()), False),
        (Restart.PERMANENT, INFINITY, SHUTDOWN, True),
        (Restart.PERMANENT, BRUTAL_KILL, KILLED, True),
        (Restart.TEMPORARY, BRUTAL_KILL, KILLED, True),
    ],
)
def test_which_ends_are_no_fault_of_a_child_that_was_told_to_stop(
    restart: Restart, shutdown: Any, reason: Reason, expected: bool
) -> None:
    recorder = Recorder()
    start = ScriptedStart(shutdown_reason=reason)
    spec = ChildSpec("w", start, restart=restart, shutdown=shutdown)
    Supervisor.start([spec], strategy=ONE, hooks=[recorder]).stop()
    assert [event.id for event in recorder.of(ChildExited)] == ["w"]
    assert (recorder.of(ChildShutdownFailed) == []) == expected


def test_a_child_that_crashed_on_its_own_while_the_supervisor_was_busy_is_not_restarted_by_the_stop() -> None:
    gate, recorder = Gate(), Recorder()

    class Slow(Worker):
        def on_start(self) -> None:
            gate.pass_through()

    tree = Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=ONE, hooks=[recorder])
    ref = tree.which_child("w").ref
    starting = threading.Thread(target=lambda: tree.start_child(Slow))
    starting.start()
    gate.entered.wait(PATIENCE_S)
    tree.actor_state.mailbox.signal(StopSignal(SHUTDOWN))
    ref.tell("die")
    down(ref)
    gate.opened.set()
    starting.join()
    assert down(tree) == SHUTDOWN
    assert [event.incarnation for event in recorder.of(ChildExited, "w")] == [1]


def test_children_of_a_supervisor_that_crashes_end_too() -> None:
    class Broken(Supervisor):
        def on_receive(self, message: Any) -> Any:
            raise Died("a fault of the supervisor's own")

    tree = Broken.start([ChildSpec.of(Worker, id="w")], strategy=ONE)
    ref = tree.which_child("w").ref
    assert isinstance(tell_and_see_die(tree).exception, Died)
    assert down(ref) == SHUTDOWN


def test_a_question_to_a_supervisor_that_stops_gets_an_answer_or_an_error() -> None:
    gate = Gate()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=ONE)
    tree.which_child("w").ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    stopping = tree.stop(block=False)
    outcome: list[BaseException] = []

    def ask() -> None:
        try:
            tree.which_children()
        except ActorDead as error:
            outcome.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    gate.opened.set()
    asking.join(PATIENCE_S)
    stopping.get(timeout=PATIENCE_S)
    down(tree)
    assert len(outcome) == 1


def test_an_exit_signal_from_another_sender_does_not_end_a_supervisor() -> None:
    with Supervisor.start([Worker], strategy=ONE) as tree:
        for reason in (SHUTDOWN, Crashed(Died())):
            tree.exit(reason)
        assert tree.which_child("Worker").ref.ask("ping") == 1


class CtrlC:
    """The key, pressed until the main thread has noticed: a signal in the moment before it waits would not wake it."""

    def __init__(self) -> None:
        self.noticed = threading.Event()

    def press(self) -> None:
        while not self.noticed.wait(0.01):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def on_signal(self, _number: int, _frame: object) -> None:
        if not self.noticed.is_set():
            self.noticed.set()
            raise KeyboardInterrupt


@pytest.fixture
def ctrl_c() -> Iterator[CtrlC]:
    key = CtrlC()
    before = signal.signal(signal.SIGINT, key.on_signal)
    yield key
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_interrupts_a_wait_and_the_tree_can_then_be_stopped(ctrl_c: CtrlC) -> None:
    with Supervisor.start([Worker], strategy=ONE) as tree:
        ref = tree.which_child("Worker").ref
        with pytest.raises(KeyboardInterrupt):
            ref.tell(lambda _: ctrl_c.press())
            tree.wait(PATIENCE_S)
        assert ref.ask("ping") == 1
    assert down(ref) == SHUTDOWN


def test_ctrl_c_while_a_tree_starts_stops_what_had_come_up(ctrl_c: CtrlC) -> None:
    recorder = Recorder()

    class Slow(Worker):
        def on_start(self) -> None:
            ctrl_c.press()
            above = self.context.supervisor
            while above is not None and not above.actor_state.mailbox.signals:
                above.wait(0.001)  # until the main thread has asked the supervisor to stop

    with pytest.raises(KeyboardInterrupt):
        Supervisor.start([ChildSpec.of(Worker, id="a"), ChildSpec.of(Slow, id="b")], strategy=ONE, hooks=[recorder])
    assert {event.id for event in recorder.of(ChildExited)} >= {"a"}


def test_a_child_that_unlinks_itself_is_watched_and_stopped_all_the_same() -> None:
    recorder = Recorder()

    class Naughty(Worker):
        def on_start(self) -> None:
            if self.context.supervisor is not None:
                self.unlink(self.context.supervisor)

    with Supervisor.start([ChildSpec.of(Naughty, id="n")], strategy=ONE, hooks=[recorder]) as tree:
        tree.which_child("n").ref.tell("die")
        recorder.ready("n", 2)
        ref = tree.which_child("n").ref
    assert down(ref) == SHUTDOWN


def test_a_child_that_traps_exits_stops_in_order_and_ends_when_its_supervisor_does() -> None:
    stopped: list[Reason | None] = []

    class Trapping(Worker):
        def on_start(self) -> None:
            self.trap_exit = True

        def on_stop(self) -> None:
            stopped.append(self.exit_reason)

    with Supervisor.start([ChildSpec.of(Trapping, id="t")], strategy=ONE):
        pass
    tree = Supervisor.start([ChildSpec.of(Trapping, id="t")], strategy=ONE)
    ref = tree.which_child("t").ref
    tree.actor_state.abandon()
    assert isinstance(down(ref), Abandoned)
    assert stopped == [SHUTDOWN, down(ref)]
