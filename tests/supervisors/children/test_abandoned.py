from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from supervisors import (
    KILLED,
    SHUTDOWN,
    Abandoned,
    ActorDead,
    ChildAbandoned,
    ChildSpec,
    Event,
    Registry,
    Strategy,
    Supervisor,
    abandoned_threads,
)
from supervisors.lifecycle.signals import Kill
from tests.supervisors.children.stuck import Busy, kinds, open_and_end, stuck_at
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker, down

# A kill in a callback of the garbage collector is printed by the interpreter, and lost.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_case_17_a_child_stuck_past_its_time_is_abandoned_reported_and_counted() -> None:
    recorder, gate = Recorder(), Gate()
    tree = Supervisor.start(
        [ChildSpec.of(Worker, id="idle"), ChildSpec.of(Worker, id="stuck", shutdown=0.01)],
        strategy=Strategy.ONE_FOR_ONE,
        hooks=[recorder],
    )
    idle, stuck = tree.which_child("idle").ref, tree.which_child("stuck").ref
    stuck_at(gate, stuck)
    tree.terminate_child("stuck")
    assert isinstance(stuck.exit_reason, Abandoned)
    assert "pass_through" in stuck.exit_reason.stack
    assert kinds(recorder, "stuck")[2:] == ["ChildExited", "ChildAbandoned", "ChildShutdownFailed"]
    assert tree.snapshot().abandoned == 1
    assert abandoned_threads() == ["Worker 'stuck'"]
    tree.stop()
    assert idle.exit_reason == SHUTDOWN
    open_and_end(gate, stuck)
    assert abandoned_threads() == []
    assert isinstance(stuck.exit_reason, Abandoned)


def test_an_actor_that_must_not_be_interrupted_is_abandoned_without_an_exception() -> None:
    work, enough = Busy(), threading.Event()

    class Careful(Worker):
        interruptible = False

    def busy(_actor: Worker) -> None:
        work.entered.set()
        while not enough.is_set():
            pass

    tree = Supervisor.start([ChildSpec.of(Careful, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    ref = tree.which_child("w").ref
    ref.tell(busy)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert isinstance(down(ref), Abandoned)
    enough.set()
    ref.actor_state.thread.join(PATIENCE_S)


def test_case_x4_what_an_abandoned_thread_still_sends_and_answers_is_dropped() -> None:
    gate = Gate()
    received: list[str] = []
    outcome: list[BaseException] = []
    receiver = Worker.start()

    def late(actor: Worker) -> str:
        with suppress(Kill):
            gate.pass_through()
        receiver.tell(lambda _: received.append("late tell"))
        try:
            receiver.ask("ping")
        except ActorDead as error:
            outcome.append(error)
        return "late answer"

    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    ref = tree.which_child("w").ref
    answer = ref.ask(late, block=False)
    gate.entered.wait(PATIENCE_S)
    tree.terminate_child("w")
    with pytest.raises(ActorDead, match="abandoned"):
        answer.get(timeout=PATIENCE_S)
    successor = tree.restart_child("w").ref
    open_and_end(gate, ref)
    assert receiver.ask("ping") == 1
    assert received == []
    assert "abandoned" in str(outcome[0])
    assert ref.late_sends == 2
    assert successor.ask("ping") == 2
    tree.stop()
    receiver.stop()


def test_case_x4_an_abandoned_actor_cannot_take_its_name_back() -> None:
    registry, gate = Registry(), Gate()
    refused: list[BaseException] = []

    def late(actor: Worker) -> None:
        with suppress(Kill):
            gate.pass_through()
        try:
            registry.register("other", actor.actor_ref)
        except ActorDead as error:
            refused.append(error)

    spec = ChildSpec.of(Worker, id="w", name="w", shutdown=0)
    tree = Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE, registry=registry)
    ref: Any = registry.whereis("w")
    ref.tell(late)
    gate.entered.wait(PATIENCE_S)
    tree.terminate_child("w")
    assert registry.whereis("w") is None
    open_and_end(gate, ref)
    assert len(refused) == 1
    assert registry.whereis("other") is None
    tree.stop()


def test_one_that_catches_everything_and_goes_on_is_abandoned() -> None:
    entered, enough = threading.Event(), threading.Event()

    def swallow(_actor: Worker) -> None:
        while not enough.is_set():
            try:
                entered.set()
                enough.wait(0.001)
            except BaseException:  # noqa: BLE001 - what it must not do, and does
                pass

    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    ref = tree.which_child("w").ref
    ref.tell(swallow)
    entered.wait(PATIENCE_S)
    tree.stop()
    assert isinstance(ref.exit_reason, Abandoned)
    enough.set()
    ref.actor_state.thread.join(PATIENCE_S)


def test_an_abandoned_child_can_be_restarted() -> None:
    gates = [Gate(), Gate()]
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    refs = []
    for gate in gates:
        refs.append(tree.which_child("w").ref)
        stuck_at(gate, refs[-1])
        tree.terminate_child("w")
        tree.restart_child("w")
    assert tree.snapshot().abandoned == 2
    assert tree.which_child("w").incarnation == 3
    tree.stop()
    for gate, ref in zip(gates, refs, strict=True):
        open_and_end(gate, ref)


def test_events_never_call_an_abandoned_child_killed() -> None:
    recorder, gate = Recorder(), Gate()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder])
    ref = tree.which_child("w").ref
    stuck_at(gate, ref)
    tree.stop()
    told = [getattr(event, "reason", None) for event in recorder.events]
    assert KILLED not in told
    assert [type(event) for event in recorder.of(ChildAbandoned)] == [ChildAbandoned]
    assert issubclass(ChildAbandoned, Event)
    open_and_end(gate, ref)
