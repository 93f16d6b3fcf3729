from __future__ import annotations

import gc
import time
import weakref
from typing import Any

import pytest

from supervisors import (
    NORMAL,
    SHUTDOWN,
    ActorDead,
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    ChildExited,
    ChildSpec,
    ChildState,
    ChildType,
    Crashed,
    Flags,
    NotFound,
    Restart,
    StartError,
    StillRestarting,
    StillRunning,
    Strategy,
    Supervisor,
    SupervisorRef,
)
from supervisors.children.records import Counts
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Died, Recorder, Worker, down

ONE = Strategy.ONE_FOR_ONE


def test_case_23_a_childs_whole_life_through_the_calls() -> None:
    tree = Supervisor.start([], strategy=ONE)
    spec = ChildSpec.of(Worker, id="w")
    first = tree.start_child(spec).ref
    with pytest.raises(AlreadyStarted) as started:
        tree.start_child(spec)
    assert (started.value.child, started.value.ref) == ("w", first)
    for call in (tree.restart_child, tree.delete_child):
        with pytest.raises(StillRunning):
            call("w")
    tree.terminate_child("w")
    assert down(first) == SHUTDOWN
    tree.terminate_child("w")
    with pytest.raises(AlreadyPresent):
        tree.start_child(spec)
    second = tree.restart_child("w").ref
    assert second is not first
    tree.terminate_child("w")
    tree.delete_child("w")
    calls: list[Any] = [tree.terminate_child, tree.restart_child, tree.delete_child, tree.which_child]
    for unknown in (*calls, tree.get_child_spec):
        with pytest.raises(NotFound):
            unknown("w")
    with pytest.raises(NotFound):
        tree.terminate_child(second)
    tree.stop()
    for ask in (tree.which_children, tree.count_children, lambda: tree.start_child(spec)):
        with pytest.raises(ActorDead):
            ask()


def test_a_child_is_replaced_whatever_its_state_and_no_restart_is_counted() -> None:
    with Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=ONE, max_restarts=0) as tree:
        first = tree.which_child("w").ref
        tree.replace_child("w")
        assert down(first) == SHUTDOWN
        second = tree.which_child("w")
        assert (second.incarnation, second.state) == (2, ChildState.RUNNING)
        tree.terminate_child("w")
        future = tree.call("replace_child", "w", block=False)
        future.get(timeout=PATIENCE_S)
        assert tree.which_child("w").incarnation == 3
        assert tree.snapshot().restarts_used == 0
        with pytest.raises(NotFound):
            tree.replace_child("v")


def test_a_replaced_child_that_does_not_start_is_tried_again_and_that_counts() -> None:
    with Supervisor.start([ChildSpec("w", ScriptedStart([None, Died("once")]))], strategy=ONE, max_restarts=1) as tree:
        tree.replace_child("w")
        now = tree.snapshot()
        assert (now.restarts_used, tree.which_child("w").incarnation) == (1, 3)


def test_case_s16_a_childs_life() -> None:
    with Supervisor.start([(Worker, "x")], strategy=ONE) as tree:
        assert tree.count_children() == Counts(specs=1, active=1, supervisors=0, workers=1)
        with pytest.raises(StillRunning):
            tree.delete_child("Worker")
        tree.terminate_child("Worker")
        assert tree.count_children() == Counts(specs=1, active=0, supervisors=0, workers=1)
        assert tree.restart_child("Worker").ref.ask(lambda actor: actor.names) == ("x",)
        tree.terminate_child("Worker")
        tree.delete_child("Worker")
        assert tree.which_children() == []


def test_case_92_which_children_and_which_child_through_a_childs_life() -> None:
    with Supervisor.start([], strategy=ONE) as tree:
        tree.start_child(ChildSpec.of(Worker, id="a"))
        running = tree.start_child(ChildSpec.of(Worker, id="b", restart=Restart.TRANSIENT))
        assert [info.id for info in tree.which_children()] == ["b", "a"]
        assert tree.which_child("b") == running
        assert (running.state, running.type, running.restart) == (
            ChildState.RUNNING,
            ChildType.WORKER,
            Restart.TRANSIENT,
        )
        tree.terminate_child("b")
        stopped = tree.which_child("b")
        assert (stopped.ref, stopped.state, stopped.incarnation) == (None, ChildState.STOPPED, 1)
        assert tree.restart_child("b").incarnation == 2
        tree.terminate_child("b")
        tree.delete_child("b")
        assert [info.id for info in tree.which_children()] == ["a"]


def test_case_72_supervisors_are_counted_apart() -> None:
    specs = [
        ChildSpec.of(Supervisor, [], strategy="one_for_one", id="s1"),
        ChildSpec.of(Supervisor, [], strategy="one_for_one", id="s2"),
        ChildSpec.of(Worker, id="w"),
    ]
    with Supervisor.start(specs, strategy=ONE) as tree:
        tree.terminate_child("s2")
        assert tree.count_children() == Counts(specs=3, active=2, supervisors=2, workers=1)


def retrying(recorder: Recorder | None = None, **options: Any) -> tuple[SupervisorRef, ScriptedStart]:
    """Return a supervisor whose child is being restarted, and fails, again and again."""
    start = ScriptedStart([None, *(Died(str(n)) for n in range(100_000))])
    hooks = [] if recorder is None else [recorder]
    tree = Supervisor.start(
        [ChildSpec("w", start, **options), ChildSpec.of(Worker, id="other")],
        strategy=ONE,
        max_restarts=1_000_000,
        clock=ManualClock(),
        hooks=hooks,
    )
    start.child.crash()
    while tree.which_child("w").state is ChildState.RUNNING:
        pass
    return tree, start


def test_case_80_while_a_restart_fails_and_fails_calls_get_in() -> None:
    tree, start = retrying()
    with pytest.raises(AlreadyPresent):
        tree.start_child(ChildSpec("w", ScriptedStart()))
    for call in (tree.restart_child, tree.delete_child):
        with pytest.raises(StillRestarting):
            call("w")
    info = tree.which_child("w")
    assert (info.ref, info.state) == (None, ChildState.RESTARTING)
    assert tree.count_children().active == 1
    tree.terminate_child("w")
    assert tree.which_child("w").state is ChildState.STOPPED
    tried = len(start.outcomes)
    assert tree.which_child("w").state is ChildState.STOPPED
    assert len(start.outcomes) == tried
    start.outcomes.clear()
    assert tree.restart_child("w").state is ChildState.RUNNING
    tree.stop()


def test_case_80_while_a_restart_fails_and_fails_a_stop_gets_in() -> None:
    tree, _ = retrying()
    other = tree.which_child("other").ref
    assert tree.stop(timeout=PATIENCE_S)
    assert (down(tree), down(other)) == (SHUTDOWN, SHUTDOWN)


def test_a_terminated_retry_does_not_come_back_when_the_child_fails_again_later() -> None:
    tree, start = retrying()
    tree.terminate_child("w")
    start.outcomes[:] = [None]
    tree.restart_child("w")
    start.outcomes[:] = [Died("again")]
    start.child.crash()
    while tree.which_child("w").state is not ChildState.RUNNING:
        pass
    assert start.outcomes == []
    tree.stop()


STRATEGIES = [Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


@pytest.mark.parametrize("end", ["kill", "normal", "crash", "by the supervisor"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_case_76_the_specifications_of_temporary_children_are_not_kept(strategy: Strategy, end: str) -> None:
    recorder = Recorder()
    tree = Supervisor.start([], strategy=strategy, hooks=[recorder])
    for restart in Restart:
        tree.start_child(ChildSpec(restart.value, ScriptedStart(), restart=restart))
    ref = tree.which_child("temporary").ref
    if end == "by the supervisor":
        tree.terminate_child("temporary")
    else:
        ref.exit({"kill": SHUTDOWN, "normal": NORMAL, "crash": Crashed(Died())}[end])
        recorder.wait_for(lambda event: isinstance(event, ChildExited) and event.id == "temporary")
    assert tree.start_child(ChildSpec("temporary", ScriptedStart())).incarnation == 1
    for id in ("permanent", "transient"):
        with pytest.raises(AlreadyStarted):
            tree.start_child(ChildSpec(id, ScriptedStart()))
        tree.terminate_child(id)
        with pytest.raises(AlreadyPresent):
            tree.start_child(ChildSpec(id, ScriptedStart()))
    tree.stop()


class Heavy:
    """An argument whose memory matters."""


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_case_75_the_start_arguments_of_temporary_children_are_not_kept(strategy: Strategy) -> None:
    recorder = Recorder()
    with Supervisor.start([], strategy=strategy, hooks=[]) as tree:
        heavy = Heavy()
        alive = weakref.ref(heavy)
        tree.start_child(ChildSpec.of(Worker, heavy, id="w", restart=Restart.TEMPORARY))
        del heavy
        assert alive() is not None
        tree.terminate_child("w")
        assert tree.which_children() == []
        deadline = time.monotonic() + PATIENCE_S
        while alive() is not None and time.monotonic() < deadline:
            gc.collect()
        assert alive() is None
    assert recorder.events == []


def test_case_83_new_flags_apply_new_children_are_added_unstarted_and_old_ones_kept() -> None:
    recorder = Recorder()
    with Supervisor.start([ChildSpec.of(Worker, id="old")], strategy=ONE, hooks=[recorder]) as tree:
        old = tree.which_child("old").ref
        tree.reconfigure(Flags(Strategy.ONE_FOR_ALL, max_restarts=7), children=[ChildSpec.of(Worker, id="new")])
        assert tree.which_child("old").ref is old
        assert (tree.which_child("new").state, tree.which_child("new").incarnation) == (ChildState.STOPPED, 0)
        assert (tree.snapshot().kind, tree.snapshot().max_restarts) == ("one_for_all", 7)
        old.tell("die")
        recorder.ready("new", 1)
        assert tree.which_child("new").state is ChildState.RUNNING


def test_case_83_a_new_specification_of_a_known_child_counts_from_its_next_start() -> None:
    with Supervisor.start([ChildSpec.of(Worker, "old", id="w")], strategy=ONE) as tree:
        ref = tree.which_child("w").ref
        tree.reconfigure(children=[ChildSpec.of(Worker, "new", id="w", restart=Restart.TRANSIENT)])
        assert tree.which_child("w").ref is ref
        assert tree.get_child_spec("w").restart is Restart.TRANSIENT
        tree.terminate_child("w")
        assert tree.restart_child("w").ref.ask(lambda actor: actor.names) == ("new",)


def test_case_84_the_same_with_specifications_as_dicts_and_bad_ones_are_refused() -> None:
    with Supervisor.start([], strategy=ONE) as tree:
        tree.reconfigure(children=[{"id": "w", "start": ScriptedStart()}])
        assert tree.which_child("w").state is ChildState.STOPPED
        with pytest.raises(BadSpec):
            tree.reconfigure(children=[{"id": "v", "start": None}])
        with pytest.raises(BadSpec, match="twice"):
            tree.reconfigure(children=[{"id": "v", "start": ScriptedStart()}] * 2)
        assert [info.id for info in tree.which_children()] == ["w"]


def test_the_restarts_that_were_counted_stay_counted_under_new_flags() -> None:
    start, recorder = ScriptedStart(), Recorder()
    tree = Supervisor.start([ChildSpec("w", start)], strategy=ONE, clock=ManualClock(), hooks=[recorder])
    start.child.crash()
    recorder.ready("w", 2)
    tree.reconfigure(Flags(ONE, max_restarts=1))
    assert (tree.snapshot().restarts_used, tree.snapshot().restarts_left) == (1, 0)
    start.child.crash()
    assert isinstance(down(tree).exception, RuntimeError)


def test_a_start_child_that_fails_says_which_child_and_why() -> None:
    with Supervisor.start([], strategy=ONE, name="root") as tree:
        with pytest.raises(StartError, match=r"root: child 'w' failed to start: Died\('why'\)") as caught:
            tree.start_child(ChildSpec("w", ScriptedStart([Died("why")])))
        assert caught.value.child == "w"


def test_an_unknown_message_is_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with Supervisor.start([], strategy=ONE) as tree:
        tree.tell("what is this")
        assert tree.which_children() == []
    assert "dropped a message: expected a call of Supervisor 'supervisor'" in caplog.text
    assert "got 'what is this'" in caplog.text


def test_the_error_for_an_unknown_child_names_those_there_are() -> None:
    with Supervisor.start([ChildSpec.of(Worker, id="a")], strategy=ONE, name="root") as tree:
        with pytest.raises(NotFound, match="root: expected the id of a child, got 'x'; there is 'a'"):
            tree.which_child("x")
        assert tree.which_child("a").ref.ask("ping") == 1
