from __future__ import annotations

from typing import Any

import pytest

from supervisors import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    ChildSpec,
    ChildState,
    DynamicSupervisor,
    DynamicSupervisorRef,
    Escalation,
    Ignore,
    Restart,
    Shutdown,
    StartContext,
)
from supervisors.children.records import Counts
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.dynamic.children import gone, scripted
from tests.supervisors.stubs import (
    PATIENCE_S,
    Died,
    Recorder,
    Worker,
    down,
    tell_and_see_die,
)


def restarted(tree: DynamicSupervisorRef, end: Any, restart: Restart, recorder: Recorder) -> list[Any]:
    """Start a child, let it end, and return the references after that."""
    ref = tree.start_child(ChildSpec.of(Worker, restart=restart)).ref
    tell_and_see_die(ref, end)
    gone(recorder)
    refs = [info.ref for info in tree.which_children()]
    assert ref not in refs
    return refs


@pytest.mark.parametrize("end", [NORMAL, SHUTDOWN, KILLED, "die"], ids=str)
def test_case_d19_temporary_children_are_never_restarted(end: Any) -> None:
    recorder = Recorder()
    with DynamicSupervisor.start(hooks=[recorder]) as tree:
        assert restarted(tree, end, Restart.TEMPORARY, recorder) == []


@pytest.mark.parametrize(
    ("end", "count"), [(NORMAL, 0), (SHUTDOWN, 0), (Shutdown("x"), 0), (KILLED, 1), ("die", 1)], ids=str
)
def test_case_d20_transient_children_are_restarted_after_a_crash_only(end: Any, count: int) -> None:
    recorder = Recorder()
    with DynamicSupervisor.start(hooks=[recorder]) as tree:
        assert len(restarted(tree, end, Restart.TRANSIENT, recorder)) == count


@pytest.mark.parametrize("end", [NORMAL, SHUTDOWN, Shutdown("x"), KILLED, "die"], ids=str)
def test_case_d21_permanent_children_are_always_restarted(end: Any) -> None:
    recorder = Recorder()
    with DynamicSupervisor.start(hooks=[recorder]) as tree:
        [ref] = restarted(tree, end, Restart.PERMANENT, recorder)
        assert ref.ask("ping") == 2


def test_case_35_a_crash_is_a_restart_and_one_too_many_ends_the_supervisor() -> None:
    recorder = Recorder()
    tree = DynamicSupervisor.start(max_restarts=1, hooks=[recorder], clock=ManualClock())
    other = tree.start_child(ChildSpec.of(Worker, id="other")).ref
    tree.start_child(ChildSpec.of(Worker, id="w")).ref.tell("die")
    recorder.ready("w", 2)
    tree.which_children()[0].ref.tell("die")
    assert isinstance(down(tree).exception, Died)
    assert down(other) == SHUTDOWN


def test_case_38_a_child_that_cannot_be_restarted_uses_up_the_limit() -> None:
    start, spec = scripted(None, *(Died(str(n)) for n in range(5)))
    tree = DynamicSupervisor.start(max_restarts=4, clock=ManualClock())
    tree.start_child(spec)
    start.child.crash()
    reason = down(tree)
    assert isinstance(reason, Shutdown)
    assert isinstance(reason.detail, Escalation)
    assert str(reason.exception) == "3"


def test_case_40_an_ignore_at_a_restart_removes_the_child() -> None:
    recorder = Recorder()
    start, spec = scripted(None, Ignore())
    with DynamicSupervisor.start(hooks=[recorder]) as tree:
        tree.start_child(spec)
        start.child.crash()
        gone(recorder)
        assert tree.which_children() == []


def test_case_d22_every_outcome_of_a_restart() -> None:
    recorder = Recorder()
    start, spec = scripted(
        None, None, (fine := ScriptedStart()(StartContext("s")), "info"), Died(), "odd", None, Ignore()
    )
    with DynamicSupervisor.start(hooks=[recorder], max_restarts=100) as tree:
        tree.start_child(spec)
        start.child.crash()
        recorder.ready("s", 2)
        assert tree.which_children()[0].ref is start.child
        start.child.crash()
        recorder.ready("s", 3)
        assert (tree.which_children()[0].ref, tree.which_children()[0].info) == (fine, "info")
        fine.crash()
        recorder.ready("s", 6)
        assert tree.which_children()[0].ref is start.child
        start.child.crash()
        gone(recorder, 4)
        assert tree.which_children() == []


def test_case_d25_extra_arguments_are_used_again_at_a_restart() -> None:
    recorder = Recorder()
    with DynamicSupervisor.start(extra_arguments=["shared"], hooks=[recorder]) as tree:
        tell_and_see_die(tree.start_child(ChildSpec.of(Worker, "own", id="w")).ref)
        recorder.ready("w", 2)
        assert tree.which_children()[0].ref.ask(lambda actor: actor.names) == ("shared", "own")


def test_case_d26_it_is_tried_again_until_it_starts() -> None:
    recorder = Recorder()
    start, spec = scripted(None, *(Died() for _ in range(5)))
    with DynamicSupervisor.start(max_restarts=100, hooks=[recorder]) as tree:
        tree.start_child(spec)
        start.child.crash()
        recorder.ready("s", 7)
        assert tree.which_children()[0].ref is start.child


def test_case_d27_max_restarts_reached_it_ends_with_shutdown() -> None:
    start, spec = scripted()
    tree = DynamicSupervisor.start(max_restarts=0, clock=ManualClock())
    tree.start_child(spec)
    start.child.crash()
    assert isinstance(down(tree), Shutdown)
    assert down(tree).is_orderly


def test_case_d28_failing_attempts_alone_reach_it() -> None:
    start, spec = scripted(None, Died(), Died())
    tree = DynamicSupervisor.start(max_restarts=2, clock=ManualClock())
    tree.start_child(spec)
    start.child.crash()
    assert isinstance(down(tree).exception, Died)
    assert len(start.children) == 1


def endless(restart: Restart = Restart.PERMANENT) -> tuple[DynamicSupervisorRef, ScriptedStart, Any]:
    """Return a supervisor whose child is being restarted, and fails, again and again."""
    start, spec = scripted(None, *(Died() for _ in range(100_000)), restart=restart)
    tree = DynamicSupervisor.start(max_restarts=10_000_000, clock=ManualClock())
    ref = tree.start_child(spec).ref
    start.child.crash()
    while tree.which_children()[0].state is ChildState.RUNNING:
        pass
    return tree, start, ref


def test_case_d41_terminate_child_cancels_a_restart() -> None:
    tree, start, ref = endless()
    tree.terminate_child(ref)
    tried = len(start.outcomes)
    assert tree.which_children() == []
    assert len(start.outcomes) == tried
    tree.stop()


def test_case_82_while_a_restart_fails_and_fails_calls_and_a_stop_get_in() -> None:
    tree, _, ref = endless()
    assert tree.which_child(ref).state is ChildState.RESTARTING
    assert tree.count_children() == Counts(specs=1, active=0, supervisors=0, workers=1)
    other = tree.start_child(Worker).ref
    assert tree.stop(timeout=PATIENCE_S)
    assert down(other) == SHUTDOWN
