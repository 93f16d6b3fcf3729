"""A start that hangs can be ended: by a time limit, by a stop, by a kill; and the rest of the tree is not harmed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from supervisors import (
    BRUTAL_KILL,
    INFINITY,
    KILLED,
    SHUTDOWN,
    Abandoned,
    ActorDead,
    BadSpec,
    ChildAbandoned,
    ChildSpec,
    ChildStartFailed,
    DynamicSupervisor,
    HungStart,
    ScheduledActor,
    Scheduler,
    StartError,
    Supervisor,
    abandoned_threads,
)
from supervisors.calls import Call
from supervisors.testing import ManualClock
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker, down

HOUR_S = 3600.0


class Slow(Worker):
    """Hangs in its first hook from a chosen incarnation on; ``heeds`` says what it looks at meanwhile."""

    heeds = "cancelled"

    def __init__(self, gate: Gate, hangs_from: int = 1) -> None:
        super().__init__()
        self.gate, self.hangs_from = gate, hangs_from

    def on_start(self) -> None:
        if self.incarnation < self.hangs_from:
            return
        self.gate.entered.set()
        match self.heeds:
            case "cancelled":
                assert self.cancelled.wait(PATIENCE_S)
            case "stop_requested":
                while not self.stop_requested:
                    self.gate.opened.wait(0.001)
            case "interrupts":
                while True:
                    self.gate.opened.wait(0.001)
            case "nothing":
                self.gate.opened.wait()


class Watchful(Slow):
    heeds = "stop_requested"


class Endless(Slow):
    heeds = "interrupts"


class Deaf(Slow):
    """Heeds nothing; the test opens its gate in the end."""

    heeds = "nothing"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def restarted(gate: Gate, spec: ChildSpec, **options: Any) -> Any:
    """Return a tree whose child has crashed and hangs in its second start."""
    tree = Supervisor.start([ChildSpec.of(Worker, id="other"), spec], strategy="one_for_one", **options)
    tree.which_child(spec.id).ref.tell("die")
    assert gate.entered.wait(PATIENCE_S)
    return tree


@pytest.mark.parametrize("slow", [Slow, Endless, Deaf], ids=lambda each: each.heeds)
def test_a_supervisor_is_killed_while_a_child_hangs_in_its_start(gate: Gate, slow: Any) -> None:
    tree = restarted(gate, ChildSpec.of(slow, gate, 2, id="slow"))
    tree.exit(KILLED)
    assert down(tree) == KILLED
    assert (abandoned_threads() == ["Deaf 'slow'"]) is (slow is Deaf)


@pytest.mark.parametrize("slow", [Slow, Watchful], ids=lambda each: each.heeds)
def test_a_supervisor_is_stopped_while_a_child_hangs_in_its_start_but_looks_up(gate: Gate, slow: Any) -> None:
    tree = restarted(gate, ChildSpec.of(slow, gate, 2, id="slow", shutdown=HOUR_S))
    assert tree.stop(timeout=PATIENCE_S)
    assert down(tree) == SHUTDOWN
    assert abandoned_threads() == []


@pytest.mark.parametrize("shutdown", [0.01, BRUTAL_KILL], ids=str)
@pytest.mark.parametrize("slow", [Endless, Deaf], ids=lambda each: each.heeds)
def test_a_child_that_hangs_in_its_start_has_its_shutdown_time_when_the_supervisor_is_stopped(
    gate: Gate, slow: Any, shutdown: Any
) -> None:
    recorder = Recorder()
    spec = ChildSpec.of(slow, gate, 2, id="slow", shutdown=shutdown, may_abandon=True)
    tree = restarted(gate, spec, hooks=[recorder])
    assert tree.stop(timeout=PATIENCE_S)
    assert down(tree) == SHUTDOWN
    failed = recorder.of(ChildStartFailed, "slow")[0]
    assert isinstance(failed, ChildStartFailed)
    assert isinstance(failed.error, HungStart)
    assert (failed.error.reason == KILLED) is (slow is Endless)
    assert len(recorder.of(ChildAbandoned, "slow")) == (slow is Deaf)


@pytest.mark.parametrize("slow", [Slow, Endless, Deaf], ids=lambda each: each.heeds)
def test_a_start_that_exceeds_its_time_has_failed(gate: Gate, slow: Any) -> None:
    with Supervisor.start([Worker], strategy="one_for_one") as tree:
        with pytest.raises(StartError) as caught:
            tree.start_child(ChildSpec.of(slow, gate, id="slow", start_timeout=0.01))
        error = caught.value.__cause__
        assert isinstance(error, HungStart)
        assert "0.01 s" in str(error)
        if slow is Deaf:
            assert isinstance(error.reason, Abandoned)
            assert "opened.wait" in error.reason.stack
        assert tree.snapshot().abandoned == (slow is Deaf)
        assert [child.id for child in tree.which_children()] == ["Worker"]


def test_a_restart_that_exceeds_its_time_is_tried_again_and_counts(gate: Gate) -> None:
    recorder = Recorder()
    spec = ChildSpec.of(Slow, gate, 2, id="slow", start_timeout=0.01)
    tree = restarted(gate, spec, max_restarts=2, hooks=[recorder])
    assert down(tree).is_orderly
    assert len(recorder.of(ChildStartFailed, "slow")) == 2


def test_the_time_to_start_is_that_of_the_tree(gate: Gate) -> None:
    clock, failed = ManualClock(), []
    with Supervisor.start([], strategy="one_for_one", clock=clock) as tree:
        spec = ChildSpec.of(Slow, gate, id="slow", start_timeout=HOUR_S)

        def start() -> None:
            with pytest.raises(StartError) as caught:
                tree.start_child(spec)
            failed.append(caught.value)

        thread = threading.Thread(target=start)
        thread.start()
        clock.wait_for_waiters()
        clock.advance(HOUR_S)
        thread.join(PATIENCE_S)
        assert len(failed) == 1
        assert tree.start_child(ChildSpec.of(Worker, id="w", start_timeout=HOUR_S)).ref.ask("ping") == 1


def test_a_first_start_that_exceeds_its_time_fails_the_tree_and_stops_what_had_started(gate: Gate) -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Worker, id="first"), ChildSpec.of(Slow, gate, id="slow", start_timeout=0.01)]
    with pytest.raises(StartError, match="slow") as caught:
        Supervisor.start(specs, strategy="one_for_one", hooks=[recorder])
    assert isinstance(caught.value.__cause__, HungStart)
    assert [event.reason for event in recorder.events if event.id == "first" and hasattr(event, "reason")] == [SHUTDOWN]


def test_a_whole_branch_that_hangs_is_killed_with_the_root(gate: Gate) -> None:
    leaf = ChildSpec.of(Slow, gate, 2, id="slow")
    inner = ChildSpec.of(Supervisor, [leaf], strategy="one_for_one", id="inner")
    middle = ChildSpec.of(Supervisor, [inner], strategy="one_for_one", id="middle")
    tree = Supervisor.start([middle], strategy="one_for_one")
    branch = tree.which_child("middle").ref
    branch.which_child("inner").ref.which_child("slow").ref.tell("die")
    assert gate.entered.wait(PATIENCE_S)
    assert tree.stop(timeout=PATIENCE_S)
    assert abandoned_threads() == []


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_branch_that_hangs_in_its_own_start_ends_with_the_supervisor_that_waits_for_it(gate: Gate, end: str) -> None:
    leaf = ChildSpec.of(Slow, gate, id="slow")
    inner = ChildSpec.of(Supervisor, [leaf], strategy="one_for_one", id="inner")
    tree = DynamicSupervisor.start()
    tree.ask(Call("start_child", (inner,)), block=False)
    assert gate.entered.wait(PATIENCE_S)
    if end == "stop":
        assert tree.stop(timeout=PATIENCE_S)
    else:
        tree.exit(KILLED)
    assert down(tree) == (SHUTDOWN if end == "stop" else KILLED)
    assert abandoned_threads() == []


def test_the_other_calls_of_a_supervisor_fail_when_it_is_killed_in_a_start(gate: Gate) -> None:
    tree = DynamicSupervisor.start()
    asked = [tree.ask(Call("start_child", (ChildSpec.of(Slow, gate),)), block=False)]
    assert gate.entered.wait(PATIENCE_S)
    asked.append(tree.ask(Call("which_children"), block=False))
    tree.exit(KILLED)
    for future in asked:
        with pytest.raises(ActorDead):
            future.get(timeout=PATIENCE_S)


@pytest.mark.usefixtures("_restless_interpreter")
def test_a_supervisor_that_is_killed_while_it_makes_threads_ends(whole: bool) -> None:
    """A thread that is just being made would get the exception that is meant for its maker, and never begin."""
    for _ in range(1000 if whole else 100):
        tree = Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one", max_restarts=10**6)
        starting = [tree.ask(Call("start_child", (ChildSpec.of(Worker, id=str(n)),)), block=False) for n in range(5)]
        tree.exit(KILLED)
        assert down(tree) == KILLED
        del starting


@pytest.mark.usefixtures("_restless_interpreter")
def test_an_actor_that_is_killed_while_it_makes_threads_of_its_own_ends(whole: bool) -> None:
    class Maker(Worker):
        def on_receive(self, message: Any) -> Any:
            while True:
                thread = threading.Thread(target=int)
                thread.start()
                thread.join()

    for _ in range(200 if whole else 20):
        ref = Maker.start()
        ref.tell("go")
        ref.exit(KILLED)
        assert down(ref) == KILLED


def test_a_supervisor_is_killed_while_it_waits_for_a_child_that_does_not_stop(gate: Gate) -> None:
    class Slow(Worker):
        def on_stop(self) -> None:
            gate.pass_through()

    tree = Supervisor.start([ChildSpec.of(Slow, shutdown=INFINITY)], strategy="one_for_one")
    ref = tree.which_child("Slow").ref
    stopped = tree.stop(block=False)
    assert gate.entered.wait(PATIENCE_S)
    tree.exit(KILLED)
    assert down(tree) == KILLED
    assert stopped.get(timeout=PATIENCE_S) in (True, False)
    gate.opened.set()
    down(ref)


def test_an_actor_is_killed_while_it_waits_for_another(gate: Gate) -> None:
    busy, waits = Worker.start(), Worker.start()
    busy.tell(gate)
    assert gate.entered.wait(PATIENCE_S)
    for wait in (lambda: busy.ask("ping"), busy.stop, busy.wait, lambda: busy.proxy().incarnation.get()):
        asks = Worker.start()
        entered = Gate()
        entered.opened.set()
        asks.tell(lambda actor, entered=entered, wait=wait: (entered.pass_through(), wait()))
        assert entered.entered.wait(PATIENCE_S)
        asks.exit(KILLED)
        assert down(asks) == KILLED
    assert abandoned_threads() == []
    waits.stop()
    gate.opened.set()
    down(busy)


def test_a_scheduled_child_that_hangs_in_its_start_is_ended_too(gate: Gate) -> None:
    class Scheduled(ScheduledActor):
        kill_grace_s = 0.05

        def on_start(self) -> None:
            gate.entered.set()
            assert self.cancelled.wait(PATIENCE_S)

    with Scheduler(1) as scheduler, Supervisor.start([], strategy="one_for_one") as tree:
        with pytest.raises(StartError) as caught:
            tree.start_child(ChildSpec.of(Scheduled, scheduler, start_timeout=0.01))
        assert isinstance(caught.value.__cause__, HungStart)


def test_an_interrupted_start_of_a_tree_leaves_nothing_behind(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    from supervisors.lifecycle import launch

    def interrupted(*_: Any, **__: Any) -> bool:
        assert gate.entered.wait(PATIENCE_S)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "wait_until_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Slow.start(gate)
    assert abandoned_threads() == []


@pytest.mark.parametrize(
    "wrong", [0, -1, "soon", True, float("nan"), [], pytest.param(object(), id="object")], ids=repr
)
def test_a_time_to_start_that_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(BadSpec, match="expected `start_timeout` to be seconds > 0 or INFINITY"):
        ChildSpec.of(Worker, start_timeout=wrong)
