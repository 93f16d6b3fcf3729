from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from supervisors import (
    BRUTAL_KILL,
    KILLED,
    AlreadyStarted,
    Backoff,
    ChildExited,
    ChildSpec,
    ChildStartFailed,
    DynamicSupervisor,
    Escalated,
    PartitionSupervisor,
    Registry,
    StartError,
    Supervisor,
    TaskSupervisor,
    on,
    render_tree,
)
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.memory.traced import (
    Broken,
    Failing,
    Traced,
    Unwilling,
    nested,
    trace,
    traced,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Recorder, down, tell_and_see_die


def test_a_tree_stops() -> None:
    tree = traced(Supervisor.start(nested(), strategy="one_for_all", hooks=[lambda event: None]))
    trace(*(child.ref for child in tree.which_children()))
    assert render_tree(tree)
    tree.stop()


def test_children_crash_and_are_restarted() -> None:
    recorder = Recorder()
    with traced(Supervisor.start(nested(), strategy="one_for_all", hooks=[recorder])) as tree:
        for supervisor in tree.which_children():
            tell_and_see_die(supervisor.ref.which_child("a").ref)
        for supervisor in tree.which_children():
            recorder.wait_for(lambda e: e.id == "a" and e.incarnation == 2 and type(e).__name__ == "ChildRestarted")
            assert supervisor.ref.which_child("a").ref.ask("ping") == 2


def test_a_supervisor_gives_up_and_then_the_root() -> None:
    recorder = Recorder()
    spec = ChildSpec.of(Supervisor, [Traced], strategy="one_for_one", max_restarts=0, id="inner")
    tree = traced(Supervisor.start([spec], strategy="one_for_one", max_restarts=0, hooks=[recorder]))
    tell_and_see_die(tree.which_child("inner").ref.which_child("Traced").ref)
    assert down(tree).exception is not None
    assert len(recorder.of(Escalated)) == 2


def test_a_tree_does_not_start() -> None:
    children = [ChildSpec.of(Traced, id="a"), ChildSpec.of(Failing, id="b"), ChildSpec.of(Traced, id="c")]
    for specs in (
        children,
        [ChildSpec.of(Broken)],
        [ChildSpec.of(Supervisor, children, strategy="one_for_all", id="i")],
    ):
        with pytest.raises(StartError):
            Supervisor.start(specs, strategy="one_for_one")


def test_a_child_does_not_start_in_a_living_tree() -> None:
    with traced(Supervisor.start([Unwilling], strategy="one_for_one")) as tree:
        for spec in (Failing, Broken):
            with pytest.raises(StartError):
                tree.start_child(spec)
    with traced(DynamicSupervisor.start()) as dynamic:
        with pytest.raises(StartError):
            dynamic.start_child(Failing)
        assert dynamic.start_child(Unwilling).ref is None


def test_a_restart_fails_until_the_supervisor_gives_up() -> None:
    start = ScriptedStart([None, *(Died(str(number)) for number in range(4))])
    tree = traced(Supervisor.start([ChildSpec("s", start)], strategy="one_for_one"))
    start.child.crash()
    assert down(tree).exception is not None


def test_a_tree_stops_between_two_attempts() -> None:
    ended: SimpleQueue[str] = SimpleQueue()
    specs = [ChildSpec.of(Traced, id=id) for id in "ab"]
    backoff, hook = Backoff(min_s=3600, max_s=3600), on(ChildExited, lambda event: ended.put(event.id))
    with traced(Supervisor.start(specs, strategy="one_for_one", backoff=backoff, hooks=[hook])) as tree:
        for id in "ab":
            tell_and_see_die(tree.which_child(id).ref)
            assert ended.get(timeout=PATIENCE_S) == id


def test_a_supervisor_is_killed() -> None:
    tree = traced(Supervisor.start(nested(), strategy="one_for_one"))
    children = [child.ref for child in tree.which_children()]
    workers = [child.ref for supervisor in children for child in supervisor.which_children()]
    tree.exit(KILLED)
    assert {down(ref) for ref in (tree, *children, *workers)}


def test_a_supervisor_is_killed_between_two_attempts() -> None:
    failed = threading.Event()
    start = ScriptedStart([None, Died("again")])
    backoff, hook = Backoff(min_s=0.01, max_s=0.01), on(ChildStartFailed, lambda event: failed.set())
    tree = traced(
        Supervisor.start([ChildSpec("s", start)], strategy="one_for_one", backoff=backoff, hooks=[hook], max_restarts=1)
    )
    start.children.pop().crash()
    assert failed.wait(PATIENCE_S)
    tree.exit(KILLED)
    down(tree)


def test_a_child_is_killed_and_abandoned_and_ends_after_all() -> None:
    class Deaf(Traced):
        interruptible = False

    gate = Gate()
    tree = traced(Supervisor.start([ChildSpec.of(Deaf, shutdown=0.01)], strategy="one_for_one"))
    ref = tree.which_child("Deaf").ref
    thread = ref.ask(lambda actor: threading.current_thread())
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    tree.stop()
    ref.tell("late")
    gate.opened.set()
    thread.join(PATIENCE_S)


def test_a_child_is_interrupted() -> None:
    spec = ChildSpec.of(Traced, shutdown=BRUTAL_KILL, may_abandon=True)
    with traced(Supervisor.start([spec], strategy="one_for_one")) as tree:
        tree.which_child("Traced").ref.tell(lambda actor: [None for _ in iter(int, 1)])


def test_dynamic_children_come_and_go() -> None:
    recorder = Recorder()
    with traced(DynamicSupervisor.start(hooks=[recorder], mailbox_sample_s=3600)) as tree:
        refs = [tree.start_child((Traced, number)).ref for number in range(4)]
        tell_and_see_die(refs[0])
        tree.terminate_child(refs[1])
        recorder.ready("Traced", 2)


def test_partitions_are_routed_to() -> None:
    with traced(PartitionSupervisor.start(Traced, partitions=3)) as tree:
        assert tree.route("key").ask("ping") == 1
        tree.resize(1)


def test_tasks_end_and_fail() -> None:
    owner = Traced.start()
    with traced(TaskSupervisor.start()) as tree:
        assert tree.run(sum, [1, 2]).result(PATIENCE_S) == 3
        with pytest.raises(ZeroDivisionError):
            tree.run(lambda: 1 / 0).result(PATIENCE_S)
        owner.ask(lambda actor: tree.run_linked(actor, lambda: 1 / 0) and None)
        down(owner)


# Names


def test_names_are_registered() -> None:
    heard: list[object] = []
    registry = Registry(listeners=[lambda event: heard.append(type(event))])
    specs = [ChildSpec.of(Traced, id=id, name=id) for id in "ab"]
    with traced(Supervisor.start(specs, strategy="one_for_one", registry=registry)):
        registry.register("more", registry.whereis("a"), value="value")
        with pytest.raises(AlreadyStarted):
            registry.register("a", registry.whereis("b"))
    assert registry.count() == 0


def test_a_name_is_taken() -> None:
    registry, other = Registry(), Traced.start()
    registry.register("a", other)
    with traced(Supervisor.start([], strategy="one_for_one", registry=registry)) as tree, pytest.raises(StartError):
        tree.start_child(ChildSpec.of(Traced, name="a"))
    other.stop()


# Actors on a scheduler


def test_a_tree_runs_on_a_manual_clock() -> None:
    clock = ManualClock()
    trace(clock)
    with traced(Supervisor.start([Traced], strategy="one_for_one", clock=clock)) as tree:
        tree.which_child("Traced").ref.ask(lambda actor: actor.send_after(5, "ping") and None)
        clock.wait_for_waiters()
        clock.advance(5)
