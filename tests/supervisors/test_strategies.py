from __future__ import annotations

from queue import SimpleQueue
from typing import Any

import pytest

from supervisors import (
    ChildExited,
    ChildReady,
    ChildSpec,
    ChildState,
    Crashed,
    Escalated,
    Escalation,
    Restart,
    Shutdown,
    StartContext,
    Strategy,
    Supervisor,
    SupervisorRef,
    ThreadChild,
)
from supervisors.calls import Call
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import Died, Recorder, Worker, down, tell_and_see_die, thread_child


def three(strategy: Strategy, recorder: Recorder, max_restarts: int = 2, **options: Any) -> SupervisorRef:
    specs = [ChildSpec.of(Worker, id=id) for id in "abc"]
    return Supervisor.start(specs, strategy=strategy, max_restarts=max_restarts, hooks=[recorder], **options)


def incarnations(tree: SupervisorRef) -> dict[str, int]:
    return {info.id: info.incarnation for info in reversed(tree.which_children())}


def refs(tree: SupervisorRef) -> dict[str, Any]:
    return {info.id: info.ref for info in tree.which_children()}


def crash_until_it_ends(tree: SupervisorRef, recorder: Recorder, id: str, times: int) -> None:
    for number in range(times):
        tell_and_see_die(tree.which_child(id).ref)
        if number < times - 1:
            recorder.ready(id, number + 2)


def gives_up(strategy: Strategy) -> None:
    """The third crash within the limit of two ends the supervisor, its siblings, and says why."""
    recorder = Recorder()
    tree = three(strategy, recorder, clock=ManualClock())
    crash_until_it_ends(tree, recorder, "b", 3)
    reason = down(tree)
    assert isinstance(reason, Shutdown)
    assert isinstance(reason.detail, Escalation)
    assert (reason.detail.child, reason.detail.incarnation) == ("b", 3)
    assert isinstance(reason.exception, Died)
    assert [event.id for event in recorder.of(Escalated)] == ["b"]
    assert len(recorder.of(ChildExited)) == len(recorder.of(ChildReady))


def gives_up_on_one_that_cannot_restart(strategy: Strategy) -> None:
    """Each failed attempt counts, and so a child that never comes back uses up the limit."""
    recorder = Recorder()
    start = ScriptedStart([None, Died("1"), Died("2"), Died("3")])
    specs = [ChildSpec.of(Worker, id="a"), ChildSpec("bad", start), ChildSpec.of(Worker, id="c")]
    tree = Supervisor.start(specs, strategy=strategy, max_restarts=3, hooks=[recorder], clock=ManualClock())
    siblings = [tree.which_child("a").ref, tree.which_child("c").ref]
    start.child.crash()
    reason = down(tree)
    assert str(reason.exception) == "3"
    assert start.outcomes == []
    assert all(down(sibling).is_orderly for sibling in siblings)


def test_case_30_one_for_one_replaces_the_dead_child_only() -> None:
    recorder = Recorder()
    with three(Strategy.ONE_FOR_ONE, recorder) as tree:
        before = refs(tree)
        tell_and_see_die(before["b"])
        recorder.ready("b", 2)
        after = refs(tree)
        assert incarnations(tree) == {"a": 1, "b": 2, "c": 1}
        assert (after["a"], after["c"]) == (before["a"], before["c"])


def test_case_30_a_third_crash_within_the_limit_of_two_ends_the_supervisor() -> None:
    gives_up(Strategy.ONE_FOR_ONE)


def test_case_31_one_for_one_gives_up_on_a_child_that_cannot_be_restarted() -> None:
    gives_up_on_one_that_cannot_restart(Strategy.ONE_FOR_ONE)


def test_case_32_one_for_all_replaces_every_child() -> None:
    recorder = Recorder()
    with three(Strategy.ONE_FOR_ALL, recorder) as tree:
        tell_and_see_die(tree.which_child("b").ref)
        recorder.ready("c", 2)
        assert incarnations(tree) == {"a": 2, "b": 2, "c": 2}
        assert [event.id for event in recorder.of(ChildExited)] == ["b", "c", "a"]
        assert [event.id for event in recorder.of(ChildReady)] == ["a", "b", "c", "a", "b", "c"]


def test_case_32_a_third_crash_within_the_limit_of_two_ends_the_supervisor() -> None:
    gives_up(Strategy.ONE_FOR_ALL)


def test_case_32_one_for_all_starts_those_too_that_were_stopped_by_hand_or_ignored() -> None:
    recorder = Recorder()
    with three(Strategy.ONE_FOR_ALL, recorder) as tree:
        tree.terminate_child("a")
        tell_and_see_die(tree.which_child("b").ref)
        recorder.ready("c", 2)
        assert tree.which_child("a").state is ChildState.RUNNING


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_temporary_siblings_are_stopped_and_dropped(strategy: Strategy) -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Worker, id="a"), ChildSpec.of(Worker, id="t", restart=Restart.TEMPORARY)]
    with Supervisor.start(specs, strategy=strategy, hooks=[recorder]) as tree:
        temporary = tree.which_child("t").ref
        tell_and_see_die(tree.which_child("a").ref)
        recorder.ready("a", 2)
        assert incarnations(tree) == {"a": 2}
        assert down(temporary).is_orderly


def test_case_33_one_for_all_gives_up_on_a_child_that_cannot_be_restarted() -> None:
    gives_up_on_one_that_cannot_restart(Strategy.ONE_FOR_ALL)


def test_one_for_all_leaves_no_child_restarting_whose_attempt_is_not_due() -> None:
    asked: SimpleQueue[Any] = SimpleQueue()

    def start(context: StartContext) -> ThreadChild:
        if context.incarnation == 2:  # this call is in the mailbox before the next attempt is
            asked.put(tree.ask(Call("terminate_child", ("a",)), block=False))
            raise Died
        return thread_child(Worker, context)

    specs = [ChildSpec("a", start), ChildSpec.of(Worker, id="b")]
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ALL) as tree:
        tell_and_see_die(tree.which_child("b").ref)
        assert asked.get(timeout=10).get(timeout=10) is None
        assert {info.id: info.state for info in tree.which_children()} == dict.fromkeys("ab", ChildState.STOPPED)
        assert tree.restart_child("b").state is ChildState.RUNNING


def test_case_41_rest_for_one_replaces_the_child_and_those_after_it() -> None:
    recorder = Recorder()
    with three(Strategy.REST_FOR_ONE, recorder) as tree:
        first = tree.which_child("a").ref
        tell_and_see_die(tree.which_child("b").ref)
        recorder.ready("c", 2)
        assert incarnations(tree) == {"a": 1, "b": 2, "c": 2}
        assert tree.which_child("a").ref is first
        assert [event.id for event in recorder.of(ChildExited)] == ["b", "c"]


def test_case_41_a_third_crash_within_the_limit_of_two_ends_the_supervisor() -> None:
    gives_up(Strategy.REST_FOR_ONE)


def test_case_42_rest_for_one_gives_up_on_a_child_that_cannot_be_restarted() -> None:
    gives_up_on_one_that_cannot_restart(Strategy.REST_FOR_ONE)


def test_a_failed_attempt_of_one_for_all_stops_again_what_had_come_up() -> None:
    recorder = Recorder()
    start = ScriptedStart([None, Died("once")])
    specs = [ChildSpec.of(Worker, id="a"), ChildSpec("b", start)]
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ALL, hooks=[recorder]) as tree:
        start.child.crash()
        recorder.ready("b", 3)
        assert incarnations(tree) == {"a": 3, "b": 3}


def test_a_failed_attempt_of_rest_for_one_begins_again_at_the_child_that_failed() -> None:
    recorder = Recorder()
    start = ScriptedStart([None, Died("once")])
    specs = [ChildSpec.of(Worker, id="a"), ChildSpec("b", start), ChildSpec.of(Worker, id="c")]
    with Supervisor.start(specs, strategy=Strategy.REST_FOR_ONE, hooks=[recorder]) as tree:
        tell_and_see_die(tree.which_child("a").ref)
        recorder.ready("c", 2)
        assert incarnations(tree) == {"a": 2, "b": 3, "c": 2}


@pytest.mark.parametrize("strategy", Strategy)
def test_case_29_crashes_further_apart_than_the_window_do_not_end_a_supervisor(strategy: Strategy) -> None:
    clock, recorder = ManualClock(), Recorder()
    start = ScriptedStart()
    tree = Supervisor.start(
        [ChildSpec("w", start)], strategy=strategy, max_restarts=1, max_seconds=1, clock=clock, hooks=[recorder]
    )
    with tree:
        for number in range(4):
            start.child.crash()
            recorder.ready("w", number + 2)
            clock.advance(2)
        assert incarnations(tree) == {"w": 5}


@pytest.mark.parametrize("strategy", Strategy)
def test_a_restart_of_several_children_counts_once(strategy: Strategy) -> None:
    recorder = Recorder()
    with three(strategy, recorder, clock=ManualClock()) as tree:
        tell_and_see_die(tree.which_child("a").ref)
        recorder.ready("a", 2)
        assert tree.snapshot().restarts_used == 1


def test_case_56_in_a_tree_only_the_dead_worker_is_new() -> None:
    recorder = Recorder()
    inner = [ChildSpec.of(Worker, id="x"), ChildSpec.of(Worker, id="y")]
    specs = [
        ChildSpec.of(Supervisor, inner, strategy="one_for_one", max_restarts=1, id="left"),
        ChildSpec.of(Supervisor, inner, strategy="one_for_all", max_restarts=1, id="right"),
    ]
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        left, right = tree.which_child("left").ref, tree.which_child("right").ref
        tell_and_see_die(left.which_child("x").ref)
        recorder.ready("x", 2)
        assert incarnations(left) == {"x": 2, "y": 1}
        assert incarnations(right) == {"x": 1, "y": 1}
        assert incarnations(tree) == {"left": 1, "right": 1}
        assert tree.count_children().supervisors == 2


def test_case_56_a_supervisor_that_gives_up_is_rebuilt_without_the_children_that_were_added() -> None:
    recorder = Recorder()
    inner = ChildSpec.of(Supervisor, [ChildSpec.of(Worker, id="x")], strategy="one_for_one", max_restarts=0, id="inner")
    with Supervisor.start([inner], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        old = tree.which_child("inner").ref
        added = old.start_child(ChildSpec.of(Worker, id="added")).ref
        tell_and_see_die(old.which_child("x").ref)
        recorder.ready("inner", 2)
        assert incarnations(tree.which_child("inner").ref) == {"x": 1}
        assert down(added).is_orderly
        assert isinstance(down(old).exception, Died)


def test_case_56_a_supervisor_stopped_by_hand_is_started_again_by_one_for_all() -> None:
    recorder = Recorder()
    specs = [
        ChildSpec.of(Supervisor, [ChildSpec.of(Worker, id="x")], strategy="one_for_one", id="inner"),
        ChildSpec.of(Worker, id="w"),
    ]
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ALL, hooks=[recorder]) as tree:
        tree.terminate_child("inner")
        tell_and_see_die(tree.which_child("w").ref)
        recorder.ready("w", 2)
        assert incarnations(tree.which_child("inner").ref) == {"x": 1}


def test_a_transient_supervisor_that_gives_up_is_not_restarted() -> None:
    recorder = Recorder()
    inner = ChildSpec.of(
        Supervisor,
        [ChildSpec.of(Worker, id="x")],
        strategy="one_for_one",
        max_restarts=0,
        id="inner",
        restart=Restart.TRANSIENT,
    )
    with Supervisor.start([inner], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        tell_and_see_die(tree.which_child("inner").ref.which_child("x").ref)
        recorder.wait_for(lambda event: isinstance(event, ChildExited) and event.id == "inner")
        assert tree.which_child("inner").state is ChildState.STOPPED


def test_the_limits_of_a_tree_multiply_and_the_root_knows_the_first_error() -> None:
    recorder = Recorder()
    inner = ChildSpec.of(
        Supervisor, [ChildSpec("x", (start := ScriptedStart()))], strategy="one_for_one", max_restarts=1, id="inner"
    )
    tree = Supervisor.start(
        [inner], strategy=Strategy.ONE_FOR_ONE, max_restarts=1, hooks=[recorder], clock=ManualClock(), name="root"
    )
    for number in range(4):
        recorder.wait_for(lambda _, number=number: len(start.children) == number + 1)  # type: ignore[misc]
        start.child.crash(Died(str(number)))
    reason = down(tree)
    assert isinstance(reason.exception, Died)
    assert str(reason.exception) == "3"
    assert [event.supervisor for event in recorder.of(Escalated)] == ["root/inner", "root/inner", "root"]
    assert isinstance(Crashed(Died()).exception, Died)
