from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from supervisors import (
    INFINITY,
    SHUTDOWN,
    BadSpec,
    ChildSpec,
    ChildState,
    ChildType,
    DynamicSupervisor,
    Ignore,
    MaxChildren,
    NotFound,
    NotSupported,
    Registry,
    Restart,
    StartContext,
    StartError,
    Strategy,
    Supervisor,
    ThreadChild,
)
from supervisors.children.records import Counts
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.dynamic.children import gone, scripted
from tests.supervisors.stubs import (
    Died,
    Recorder,
    Worker,
    down,
    tell_and_see_die,
    thread_child,
)


def test_case_d1_a_dynamic_supervisor_is_a_child_like_any_other() -> None:
    spec = ChildSpec.of(DynamicSupervisor, id="d", max_children=1)
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE) as tree:
        inner = tree.which_child("d")
        assert (inner.type, tree.get_child_spec("d").shutdown) == (ChildType.SUPERVISOR, INFINITY)
        ref = inner.ref.start_child(Worker).ref
        assert ref.ask("ping") == 1
    assert down(ref) == SHUTDOWN


def test_case_d2_several_under_one_supervisor() -> None:
    specs = [ChildSpec.of(DynamicSupervisor, id=id, name=id) for id in ("d1", "d2")]
    registry = Registry()
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ONE, registry=registry) as tree:
        one, two = (tree.which_child(id).ref for id in ("d1", "d2"))
        one.start_child(Worker)
        assert (registry.whereis("d1"), registry.whereis("d2")) == (one, two)
        assert (one.count_children().active, two.count_children().active) == (1, 0)


def test_case_d3_a_class_makes_its_own_specification() -> None:
    class Temporary(Worker):
        @classmethod
        def child_spec(cls, *args: Any, **kwargs: Any) -> ChildSpec:
            return replace(super().child_spec(*args, **kwargs), restart=Restart.TEMPORARY)

    with DynamicSupervisor.start() as tree:
        assert tree.start_child(Temporary).restart is Restart.TEMPORARY


def test_case_d4_by_default_there_are_3_restarts_in_5_seconds_and_any_number_of_children() -> None:
    with DynamicSupervisor.start() as tree:
        snapshot = tree.snapshot()
        assert (snapshot.max_restarts, snapshot.max_seconds, snapshot.kind) == (3, 5.0, "dynamic")
        for _ in range(50):
            tree.start_child(Worker)
        assert tree.count_children().active == 50


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"max_children": -1}, "expected `max_children` to be an integer >= 0 or None, got -1"),
    ({"max_children": "1"}, "expected `max_children` to be an integer"),
    ({"max_restarts": -1}, "expected `max_restarts` to be an integer >= 0"),
    ({"max_seconds": 0}, "expected `max_seconds` to be a finite number of seconds > 0"),
    ({"extra_arguments": "ab"}, "expected `extra_arguments` to be a list or tuple, got 'ab'"),
    ({"backoff": 1}, "expected `backoff` to be a Backoff or None"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS, ids=[message[:50] for _, message in BAD_OPTIONS])
def test_case_d5_each_bad_option_has_an_error_of_its_own(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSpec, match=message):
        DynamicSupervisor.start(**options)


def test_case_d6_it_is_registered_its_children_end_with_it_and_it_stops() -> None:
    registry = Registry()
    tree = DynamicSupervisor.start(name="pool", registry=registry)
    assert registry.whereis("pool") is tree
    ref = tree.start_child(Worker).ref
    assert tree.stop()
    assert (down(tree), down(ref)) == (SHUTDOWN, SHUTDOWN)
    assert registry.whereis("pool") is None


def test_case_d9_it_is_reconfigured_while_it_runs_and_bad_options_are_refused() -> None:
    with DynamicSupervisor.start() as tree:
        tree.reconfigure(max_restarts=7, max_seconds=9, max_children=2)
        assert (tree.snapshot().max_restarts, tree.snapshot().max_seconds) == (7, 9)
        with pytest.raises(BadSpec):
            tree.reconfigure(max_restarts=-1)
        with pytest.raises(BadSpec):
            tree.reconfigure(max_children=-1)
        assert tree.snapshot().max_restarts == 7


def test_case_85_new_flags_of_a_dynamic_supervisor_apply_to_later_starts() -> None:
    recorder = Recorder()
    with DynamicSupervisor.start(extra_arguments=["old"], hooks=[recorder]) as tree:
        ref = tree.start_child(ChildSpec.of(Worker, id="w")).ref
        tree.reconfigure(extra_arguments=["new"])
        assert ref.ask(lambda actor: actor.names) == ("old",)
        tell_and_see_die(ref)
        recorder.ready("w", 2)
        [info] = tree.which_children()
        assert info.ref.ask(lambda actor: actor.names) == ("new",)


def test_case_86_bad_flags_of_a_dynamic_supervisor_change_nothing() -> None:
    with DynamicSupervisor.start(max_restarts=1, max_children=1) as tree:
        before = tree.snapshot()
        for options in ({"max_restarts": "x"}, {"max_seconds": -1}, {"extra_arguments": 1}, {"max_children": 1.5}):
            with pytest.raises(BadSpec):
                tree.reconfigure(**options)
        assert tree.snapshot() == before


def test_case_d10_max_children_lowered_keeps_those_there_and_refuses_new_ones() -> None:
    with DynamicSupervisor.start(max_children=3) as tree:
        refs = [tree.start_child(Worker).ref for _ in range(3)]
        tree.reconfigure(max_children=2)
        assert tree.count_children().active == 3
        with pytest.raises(MaxChildren):
            tree.start_child(Worker)
        tree.terminate_child(refs[0])
        with pytest.raises(MaxChildren):
            tree.start_child(Worker)
        tree.terminate_child(refs[1])
        assert tree.start_child(Worker).state is ChildState.RUNNING


def test_case_d12_a_dict_is_a_specification() -> None:
    start, _ = scripted()
    with DynamicSupervisor.start() as tree:
        assert tree.start_child({"id": "anything", "start": start}).ref is start.child


def test_case_d13_a_tuple_is_a_specification() -> None:
    with DynamicSupervisor.start() as tree:
        assert tree.start_child((Worker, "a")).ref.ask(lambda actor: actor.names) == ("a",)


def test_ids_need_not_be_unique() -> None:
    with DynamicSupervisor.start() as tree:
        refs = [tree.start_child(ChildSpec.of(Worker, id="same")).ref for _ in range(3)]
        assert len(set(refs)) == 3


def test_case_d14_extra_arguments_come_before_the_childs_own() -> None:
    with DynamicSupervisor.start(extra_arguments=("shared", 1)) as tree:
        assert tree.start_child((Worker, "own")).ref.ask(lambda actor: actor.names) == ("shared", 1, "own")


def test_case_d15_invalid_specifications_are_found_in_the_caller() -> None:
    tree = DynamicSupervisor.start()
    tree.stop()
    for bad in ("worker", {"id": "x"}, ChildSpec("s", ScriptedStart(), restart=Restart.TEMPORARY, significant=True)):
        with pytest.raises(BadSpec):
            tree.start_child(bad)  # type: ignore[arg-type]  # what is tested


def test_case_d16_every_outcome_of_a_start() -> None:
    def with_info(context: StartContext) -> tuple[ThreadChild, str]:
        return thread_child(Worker, context), "info"

    with DynamicSupervisor.start() as tree:
        assert tree.start_child(scripted()[1]).state is ChildState.RUNNING
        assert tree.start_child(ChildSpec("i", with_info)).info == "info"
        assert tree.start_child(scripted(Ignore())[1]).ref is None
        for outcome in (Died(), "odd"):
            with pytest.raises(StartError):
                tree.start_child(scripted(outcome)[1])
        assert tree.count_children() == Counts(specs=2, active=2, supervisors=0, workers=2)


@pytest.mark.parametrize("error", [Died(), SystemExit(1), KeyboardInterrupt(), BaseException()], ids=repr)
def test_case_d17_a_start_that_raises_whatever_is_an_error_and_the_supervisor_lives(error: BaseException) -> None:
    with DynamicSupervisor.start() as tree:
        with pytest.raises(StartError) as caught:
            tree.start_child(scripted(error)[1])
        assert caught.value.__cause__ is error
        assert tree.which_children() == []


def test_case_12_a_start_that_fails_adds_nothing() -> None:
    with DynamicSupervisor.start() as tree:
        for outcome in (Died(), "odd", (1, 2)):
            with pytest.raises(StartError):
                tree.start_child(scripted(outcome)[1])
        assert tree.count_children().specs == 0


def test_case_6_an_ignored_temporary_child_is_not_added() -> None:
    with DynamicSupervisor.start() as tree:
        info = tree.start_child(scripted(Ignore(), restart=Restart.TEMPORARY)[1])
        assert (info.ref, info.state) == (None, ChildState.STOPPED)
        assert tree.count_children().specs == 0


def test_case_7_an_ignored_permanent_child_is_not_added_and_the_stop_is_clean() -> None:
    tree = DynamicSupervisor.start()
    for outcome in (Ignore(), None, Ignore()):
        tree.start_child(scripted(outcome)[1])
    assert tree.count_children().specs == 1
    assert tree.stop()
    assert down(tree) == SHUTDOWN


def test_case_14_a_childs_specification_is_found_by_its_reference() -> None:
    with DynamicSupervisor.start() as tree:
        spec = ChildSpec.of(Worker, id="w", shutdown=3)
        ref = tree.start_child(spec).ref
        assert tree.get_child_spec(ref) == spec
        with pytest.raises(NotFound):
            tree.get_child_spec(tree)


def test_case_d18_with_max_children_0_none_may_start() -> None:
    full = pytest.raises(MaxChildren, match="to be fewer than 0")
    with DynamicSupervisor.start(max_children=0) as tree, full:
        tree.start_child(Worker)


def test_max_children_counts_those_that_are_restarting() -> None:
    start, spec = scripted(None, *(Died() for _ in range(100_000)))
    with DynamicSupervisor.start(max_children=1, max_restarts=10_000_000, clock=ManualClock()) as tree:
        tree.start_child(spec)
        start.child.crash()
        while tree.which_children()[0].state is ChildState.RUNNING:
            pass
        with pytest.raises(MaxChildren):
            tree.start_child(Worker)


def test_case_37_info_beside_the_child_is_passed_on() -> None:
    recorder = Recorder()

    def with_info(context: StartContext) -> tuple[ThreadChild, int]:
        return thread_child(Worker, context), context.incarnation * 10

    with DynamicSupervisor.start(hooks=[recorder]) as tree:
        started = tree.start_child(ChildSpec("w", with_info))
        assert started.info == 10
        tell_and_see_die(started.ref)
        recorder.ready("w", 2)
        assert tree.which_children()[0].info == 20


def test_case_24_what_a_dynamic_supervisor_refuses() -> None:
    stranger = Worker.start()
    with DynamicSupervisor.start() as tree:
        ref = tree.start_child(Worker).ref
        with pytest.raises(NotSupported):
            tree.restart_child(ref)
        with pytest.raises(NotSupported):
            tree.delete_child(ref)
        unknowns: list[Any] = [stranger, "w", None, []]
        for unknown in unknowns:
            with pytest.raises(NotFound):
                tree.terminate_child(unknown)
        assert tree.which_child(ref).ref is ref
    stranger.stop()


def test_case_93_which_children_the_newest_first() -> None:
    with DynamicSupervisor.start() as tree:
        refs = [tree.start_child(Worker).ref for _ in range(3)]
        assert [info.ref for info in tree.which_children()] == refs[::-1]
        tree.terminate_child(refs[1])
        assert [info.ref for info in tree.which_children()] == [refs[2], refs[0]]


def test_case_71_count_children_is_exact_for_a_thousand() -> None:
    recorder = Recorder()
    with DynamicSupervisor.start(hooks=[recorder]) as tree:
        start, spec = scripted(restart=Restart.TEMPORARY)
        for _ in range(1000):
            tree.start_child(spec)
        assert tree.count_children() == Counts(specs=1000, active=1000, supervisors=0, workers=1000)
        for child in start.children:
            child.crash()
        gone(recorder, 1000)
        assert tree.count_children() == Counts(0, 0, 0, 0)
