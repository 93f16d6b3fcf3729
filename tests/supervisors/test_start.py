from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from supervisors import (
    SHUTDOWN,
    ActorDead,
    AlreadyStarted,
    BadSpec,
    ChildExited,
    ChildReady,
    ChildSpec,
    ChildState,
    ChildType,
    FailedToStart,
    Ignore,
    Registry,
    Restart,
    Shutdown,
    StartContext,
    StartError,
    Strategy,
    Supervisor,
    ThreadChild,
)
from supervisors.children.records import Counts
from supervisors.testing import ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Died, Recorder, Worker, down, thread_child

ONE = Strategy.ONE_FOR_ONE


def test_case_1_a_supervisor_without_children_stops_with_shutdown() -> None:
    tree = Supervisor.start([], strategy=ONE)
    assert tree.which_children() == []
    assert tree.stop()
    assert down(tree) == SHUTDOWN


def test_children_are_up_from_left_to_right_when_start_returns() -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Worker, id=id) for id in "abc"]
    with Supervisor.start(specs, strategy=ONE, hooks=[recorder]) as tree:
        assert [event.id for event in recorder.of(ChildReady)] == ["a", "b", "c"]
        assert [info.id for info in tree.which_children()] == ["c", "b", "a"]


def test_a_supervisor_stops_its_children_in_the_reverse_order() -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Worker, id=id) for id in "abc"]
    Supervisor.start(specs, strategy=ONE, hooks=[recorder]).stop()
    assert [event.id for event in recorder.of(ChildExited)] == ["c", "b", "a"]


def test_case_2_a_supervisor_whose_children_say_ignore_is_not_started() -> None:
    def children() -> list[ChildSpec]:
        raise Ignore

    with pytest.raises(Ignore):
        Supervisor.start(children, strategy=ONE)


def test_case_2_inside_a_tree_it_is_a_child_that_does_not_run() -> None:
    def children() -> list[ChildSpec]:
        raise Ignore

    with Supervisor.start([ChildSpec.of(Supervisor, children, strategy=ONE, id="s")], strategy=ONE) as tree:
        assert tree.which_child("s").state is ChildState.STOPPED


def test_case_3_an_ignored_permanent_child_is_kept_without_a_process() -> None:
    ignored = ChildSpec("ignored", ScriptedStart([Ignore()]))
    with Supervisor.start([ignored, ChildSpec.of(Worker, id="runs")], strategy=ONE) as tree:
        assert tree.count_children() == Counts(specs=2, active=1, supervisors=0, workers=2)
        assert [info.id for info in tree.which_children()] == ["runs", "ignored"]
        assert (tree.which_child("ignored").ref, tree.which_child("ignored").state) == (None, ChildState.STOPPED)


def test_case_4_an_ignored_temporary_child_is_dropped() -> None:
    ignored = ChildSpec("ignored", ScriptedStart([Ignore()]), restart=Restart.TEMPORARY)
    with Supervisor.start([ignored, ChildSpec.of(Worker, id="runs")], strategy=ONE) as tree:
        assert [info.id for info in tree.which_children()] == ["runs"]


@pytest.mark.parametrize("rubbish", [None, 3, "children", [3], {"id": "x"}], ids=repr)
def test_case_8_a_function_that_returns_rubbish_for_children_is_a_failed_start(rubbish: Any) -> None:
    with pytest.raises(StartError) as caught:
        Supervisor.start(lambda: rubbish, strategy=ONE)
    assert isinstance(caught.value.__cause__, BadSpec)


def test_case_8_a_function_that_raises_is_a_failed_start() -> None:
    def children() -> list[ChildSpec]:
        raise Died

    with pytest.raises(StartError) as caught:
        Supervisor.start(children, strategy=ONE)
    assert isinstance(caught.value.__cause__, Died)


def test_case_s10_the_children_may_be_made_by_a_function_at_every_start_of_the_supervisor() -> None:
    calls: list[str] = []

    def children() -> list[ChildSpec]:
        calls.append(threading.current_thread().name)
        return [ChildSpec.of(Worker, id=f"w{len(calls)}")]

    recorder = Recorder()
    spec = ChildSpec.of(Supervisor, children, strategy=ONE, max_restarts=0, id="inner")
    with Supervisor.start([spec], strategy=ONE, hooks=[recorder]) as tree:
        tree.which_child("inner").ref.which_child("w1").ref.tell("die")
        recorder.ready("inner", 2)
        assert tree.which_child("inner").ref.which_child("w2").incarnation == 1
    assert calls == ["inner#1", "inner#2"]


def test_a_child_that_fails_to_start_is_named_and_those_before_it_are_stopped_in_reverse() -> None:
    recorder, error = Recorder(), Died("no")
    specs = [ChildSpec.of(Worker, id="a"), ChildSpec.of(Worker, id="b"), ChildSpec("c", ScriptedStart([error]))]
    with pytest.raises(StartError, match=r"root: child 'c' failed to start: Died\('no'\)") as caught:
        Supervisor.start([*specs, ChildSpec.of(Worker, id="d")], strategy=ONE, name="root", hooks=[recorder])
    assert caught.value.child == "c"
    assert caught.value.__cause__ is error
    assert [event.id for event in recorder.of(ChildReady)] == ["a", "b"]
    assert [event.id for event in recorder.of(ChildExited)] == ["b", "a"]


def test_a_supervisor_that_failed_to_start_has_a_reason_that_says_so() -> None:
    refs: list[Any] = []

    class Spy(Worker):
        def on_start(self) -> None:
            refs.append(self.context.supervisor)

    with pytest.raises(StartError):
        Supervisor.start([Spy, ChildSpec("bad", ScriptedStart([Died("no")]))], strategy=ONE, name="root")
    reason = down(refs[0])
    assert isinstance(reason, Shutdown)
    assert isinstance(reason.detail, FailedToStart)
    assert (reason.detail.supervisor, reason.detail.child) == ("root", "bad")
    assert isinstance(reason.exception, Died)


def test_case_51_a_failed_start_of_the_root_carries_the_childs_own_error() -> None:
    class Bad(Worker):
        def on_start(self) -> None:
            raise Died("deep")

    inner = ChildSpec.of(Supervisor, [ChildSpec.of(Bad, id="bad")], strategy=ONE, id="inner")
    with pytest.raises(StartError, match="root: child 'inner' failed") as caught:
        Supervisor.start([inner], strategy=ONE, name="root")
    middle = caught.value.__cause__
    assert isinstance(middle, StartError)
    assert "root/inner: child 'bad' failed" in str(middle)
    assert isinstance(middle.__cause__, Died)
    assert middle.__cause__.__traceback__ is not None


@pytest.mark.parametrize("odd", ["rubbish", 3, (1, 2), (1, 2, 3)], ids=repr)
def test_case_10_start_child_with_an_odd_value_fails_and_keeps_nothing(odd: Any) -> None:
    with Supervisor.start([], strategy=ONE) as tree:
        with pytest.raises(StartError, match="to return a Child, got"):
            tree.start_child(ChildSpec("odd", ScriptedStart([odd])))
        assert tree.which_children() == []


def test_case_10_start_child_with_an_error_fails_and_keeps_nothing() -> None:
    with Supervisor.start([], strategy=ONE) as tree:
        with pytest.raises(StartError, match="Died") as caught:
            tree.start_child(ChildSpec("bad", ScriptedStart([Died()])))
        assert isinstance(caught.value.__cause__, Died)
        assert tree.which_children() == []
        assert tree.start_child(ChildSpec("bad", ScriptedStart())).incarnation == 1


def test_case_11_restart_child_that_fails_leaves_the_child_stopped_and_the_supervisor_alive() -> None:
    start = ScriptedStart([None, Died(), "odd"])
    with Supervisor.start([ChildSpec("w", start)], strategy=ONE) as tree:
        tree.terminate_child("w")
        for _ in range(2):
            with pytest.raises(StartError):
                tree.restart_child("w")
            assert tree.which_child("w").state is ChildState.STOPPED
        assert tree.restart_child("w").state is ChildState.RUNNING


def test_case_25_info_beside_the_child_is_passed_on_and_made_again_at_a_restart() -> None:
    def start(context: StartContext) -> tuple[ThreadChild, str]:
        return thread_child(Worker, context), f"info {context.incarnation}"

    recorder = Recorder()
    with Supervisor.start([], strategy=ONE, hooks=[recorder]) as tree:
        assert tree.start_child(ChildSpec("w", start)).info == "info 1"
        tree.terminate_child("w")
        assert tree.which_child("w").info is None
        assert tree.restart_child("w").info == "info 2"
        tree.which_child("w").ref.tell("die")
        recorder.ready("w", 3)
        assert tree.which_child("w").info == "info 3"


def test_case_91_a_name_that_is_taken_elsewhere_is_already_started() -> None:
    registry = Registry()
    outside = Worker.start()
    registry.register("taken", outside)
    with Supervisor.start([], strategy=ONE, registry=registry) as tree:
        with pytest.raises(StartError) as caught:
            tree.start_child(ChildSpec.of(Worker, id="w", name="taken"))
        assert isinstance(caught.value.__cause__, AlreadyStarted)
        assert caught.value.__cause__.ref is outside
        outside.stop()
        assert tree.start_child(ChildSpec.of(Worker, id="w", name="taken")).ref is registry.whereis("taken")


def test_case_91_a_child_of_another_host_whose_name_is_taken_is_stopped_again() -> None:
    registry, start = Registry(), ScriptedStart()
    registry.register("taken", "somebody")
    with Supervisor.start([], strategy=ONE, registry=registry) as tree, pytest.raises(StartError):
        tree.start_child(ChildSpec("w", start, name="taken"))
    assert start.child.reason == SHUTDOWN


def test_case_s7_a_supervisor_is_registered_by_its_name() -> None:
    registry = Registry()
    with Supervisor.start([], strategy=ONE, name="root", registry=registry) as tree:
        assert registry.whereis("root") is tree
        with pytest.raises(AlreadyStarted):
            Supervisor.start([], strategy=ONE, name="root", registry=registry)
    assert registry.whereis("root") is None


def test_a_dead_supervisor_answers_every_call_with_an_error() -> None:
    tree = Supervisor.start([], strategy=ONE)
    tree.stop()
    with pytest.raises(ActorDead):
        tree.which_children()


def test_a_call_from_a_hook_of_the_supervisor_itself_is_refused() -> None:
    refused: list[BaseException] = []

    def hook(_event: Any) -> None:
        try:
            tree.which_children()
        except RuntimeError as error:
            refused.append(error)

    with Supervisor.start([], strategy=ONE, hooks=[hook]) as tree:
        tree.start_child(Worker)
    assert "waits for itself" in str(refused[0])


def test_case_44_a_failed_start_reports_no_progress(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "supervisors")
    with Supervisor.start([], strategy=ONE) as tree, pytest.raises(StartError):
        tree.start_child(ChildSpec("bad", ScriptedStart([Died()])))
    contexts = [record.report.context.value for record in caplog.records if hasattr(record, "report")]
    assert contexts == ["start_error"]


def test_a_start_that_waits_for_permission_holds_up_the_supervisor_and_no_other_actor() -> None:
    entered, permission = threading.Event(), threading.Event()

    class Slow(Worker):
        def on_start(self) -> None:
            entered.set()
            permission.wait()

    with Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=ONE) as tree:
        worker = tree.which_child("w").ref
        starting = threading.Thread(target=tree.start_child, args=(Slow,))
        starting.start()
        assert entered.wait(PATIENCE_S)
        assert worker.ask("ping") == 1
        permission.set()
        starting.join()
        assert tree.which_child("Slow").state is ChildState.RUNNING
        assert tree.which_child("Slow").type is ChildType.WORKER


def test_an_unknown_option_is_refused_by_the_name_of_the_call() -> None:
    with pytest.raises(TypeError, match=r"Supervisor.start\(\) got an unexpected keyword argument 'hook'"):
        Supervisor.start([], strategy="one_for_one", hook=[])  # type: ignore[call-overload]
