from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pykka
import pytest

from supervisors import (
    BRUTAL_KILL,
    INFINITY,
    Actor,
    AutoShutdown,
    BadSpec,
    ChildSpec,
    ChildState,
    ChildType,
    DuplicateChild,
    Restart,
    StartContext,
    Strategy,
    Supervisor,
    ThreadChild,
)
from supervisors.spec_like import to_spec, to_specs
from supervisors.testing import ScriptedStart
from tests.supervisors.stubs import Worker, thread_child


def start_worker(context: StartContext) -> ThreadChild:
    return thread_child(Worker, context)


def test_case_13_the_defaults_of_a_specification_can_be_read_back() -> None:
    children = [ChildSpec("worker", start_worker), ChildSpec("super", start_worker, type=ChildType.SUPERVISOR)]
    with Supervisor.start(children, strategy=Strategy.ONE_FOR_ONE) as tree:
        worker, above = tree.get_child_spec("worker"), tree.get_child_spec("super")
    assert (worker.restart, worker.shutdown, worker.type) == (Restart.PERMANENT, 5.0, ChildType.WORKER)
    assert (worker.significant, worker.may_abandon, worker.name) == (False, True, None)
    assert (above.shutdown, above.type) == (INFINITY, ChildType.SUPERVISOR)


def test_a_brutal_kill_does_not_accept_abandoning_unless_it_says_so() -> None:
    assert not ChildSpec("w", start_worker, shutdown=BRUTAL_KILL).may_abandon
    assert ChildSpec("w", start_worker, shutdown=BRUTAL_KILL, may_abandon=True).may_abandon


def test_case_15_a_specification_as_a_dict_needs_id_and_start_and_no_unknown_keys() -> None:
    assert to_spec({"id": "w", "start": start_worker}) == ChildSpec("w", start_worker)
    with pytest.raises(BadSpec, match="got 'favourite_colour'; there is 'id', 'start'"):
        to_spec({"id": "w", "start": start_worker, "favourite_colour": "blue"})
    with pytest.raises(BadSpec, match="with `id`, got one with start"):
        to_spec({"start": start_worker})
    with pytest.raises(BadSpec, match="with `start`, got one with id"):
        to_spec({"id": "w"})
    with pytest.raises(BadSpec, match="expected a ChildSpec, a subclass"):
        to_spec("w")  # type: ignore[arg-type]  # what is tested


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"id": 1}, "expected `id` to be a non-empty string, got 1"),
    ({"id": ""}, "expected `id` to be a non-empty string"),
    ({"start": None}, "expected `start` to be a callable, got None"),
    ({"restart": "prmanent"}, "expected `restart` to be one of 'permanent', 'transient', 'temporary', got 'prmanent'"),
    ({"shutdown": -1}, "expected `shutdown` to be seconds >= 0, INFINITY or BRUTAL_KILL, got -1"),
    ({"shutdown": "brutal"}, "expected `shutdown` to be seconds"),
    ({"shutdown": True}, "expected `shutdown` to be seconds"),
    ({"shutdown": float("nan")}, "expected `shutdown` to be seconds"),
    ({"type": "wroker"}, "expected `type` to be one of 'worker', 'supervisor', got 'wroker'"),
    ({"significant": 1, "restart": "transient"}, "expected `significant` to be True or False, got 1"),
    ({"significant": True}, "a permanent child never ends; make it transient"),
    ({"may_abandon": "yes"}, "expected `may_abandon` to be True or False, got 'yes'"),
    ({"name": []}, r"expected `name` to be hashable, got \[\]"),
]


@pytest.mark.parametrize(("options", "message"), BAD_FIELDS, ids=[message[:60] for _, message in BAD_FIELDS])
def test_case_26_each_bad_field_has_an_error_of_its_own(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSpec, match=message):
        to_spec({"id": "w", "start": start_worker, **options})


def test_case_26_two_children_with_one_id_are_refused() -> None:
    with pytest.raises(DuplicateChild, match="got 'w' twice"):
        to_specs([ChildSpec("w", start_worker), ChildSpec("v", start_worker), ChildSpec("w", start_worker)])


@pytest.mark.parametrize("children", ["w", None, {"id": "w"}, 3], ids=repr)
def test_case_26_children_are_a_list(children: Any) -> None:
    with pytest.raises(BadSpec, match="expected a list of child specifications"):
        to_specs(children)


OPTIONS = list(itertools.product(Restart, [0, 1, 5.5, INFINITY, BRUTAL_KILL], ChildType, [True, False], AutoShutdown))


def test_case_27_the_whole_product_of_options_is_accepted_or_refused_by_two_rules() -> None:
    for restart, shutdown, kind, significant, auto_shutdown in OPTIONS:
        fields = {
            "id": "w",
            "start": ScriptedStart(),
            "restart": restart.value,
            "shutdown": shutdown if shutdown is not BRUTAL_KILL else "brutal_kill",
            "type": kind.value,
            "significant": significant,
        }
        bad = significant and (restart is Restart.PERMANENT or auto_shutdown is AutoShutdown.NEVER)
        if bad:
            with pytest.raises(BadSpec, match="significant"):
                Supervisor.start([fields], strategy="one_for_one", auto_shutdown=auto_shutdown)
            continue
        with Supervisor.start([fields], strategy="one_for_one", auto_shutdown=auto_shutdown) as tree:
            spec = tree.get_child_spec("w")
            assert (spec.restart, spec.shutdown, spec.type, spec.significant) == (restart, shutdown, kind, significant)


BAD_FLAGS: list[tuple[dict[str, Any], str]] = [
    ({"strategy": "one_for_two"}, "expected `strategy` to be one of 'one_for_one', 'one_for_all', 'rest_for_one'"),
    ({"max_restarts": -1}, "expected `max_restarts` to be an integer >= 0, got -1"),
    ({"max_restarts": "3"}, "expected `max_restarts` to be an integer"),
    ({"max_seconds": 0}, "expected `max_seconds` to be a finite number of seconds > 0, got 0"),
    ({"max_seconds": "5"}, "expected `max_seconds` to be a number of seconds > 0, got '5'"),
    ({"auto_shutdown": "sometimes"}, "expected `auto_shutdown` to be one of 'never', 'any_significant'"),
    ({"backoff": 3}, "expected `backoff` to be a Backoff or None, got 3"),
    ({"mailbox_sample_s": 0}, "expected `mailbox_sample_s` to be seconds > 0 or None, got 0"),
]


@pytest.mark.parametrize(("flags", "message"), BAD_FLAGS, ids=[message[:60] for _, message in BAD_FLAGS])
def test_case_28_bad_flags_are_refused_before_anything_starts(flags: dict[str, Any], message: str) -> None:
    start = ScriptedStart()
    with pytest.raises(BadSpec, match=message):
        Supervisor.start([ChildSpec("w", start)], **{"strategy": "one_for_one", **flags})
    assert start.children == []


def test_case_s1_a_class_makes_its_own_specification_which_can_be_overridden() -> None:
    class Transient(Worker):
        @classmethod
        def child_spec(cls, *args: Any, **kwargs: Any) -> ChildSpec:
            return replace(super().child_spec(*args, **kwargs), restart=Restart.TRANSIENT, id="mine")

    assert to_spec(Worker) == ChildSpec.of(Worker)
    assert (to_spec(Transient).id, to_spec(Transient).restart) == ("mine", Restart.TRANSIENT)
    assert Transient.child_spec(shutdown=1).shutdown == 1


def test_case_s2_class_tuple_and_dict_are_specifications() -> None:
    forms: list[Any] = [Worker, (Worker, "x"), {"id": "Worker", "start": ChildSpec.of(Worker).start}]
    for form in forms:
        with Supervisor.start([form], strategy=Strategy.ONE_FOR_ONE) as tree:
            assert tree.which_child("Worker").ref.ask("ping") == 1


@pytest.mark.parametrize(
    "child",
    [pykka.ThreadingActor, (), ("Worker",), (pykka.ThreadingActor, 1), pytest.param(object(), id="object"), 7],
    ids=repr,
)
def test_case_s2_what_is_no_child_is_told_what_one_would_be(child: Any) -> None:
    with pytest.raises(BadSpec, match=r"expected a ChildSpec, a subclass of supervisors.Actor, a tuple"):
        Supervisor.start([child], strategy=Strategy.ONE_FOR_ONE)


def test_an_actor_of_plain_pykka_is_told_to_change_its_base_class() -> None:
    with pytest.raises(BadSpec, match="change its base class"):
        ChildSpec.of(pykka.ThreadingActor)  # type: ignore[arg-type]  # what is tested


def test_case_s3_the_strategy_is_required() -> None:
    with pytest.raises(TypeError, match="strategy"):
        Supervisor.start([])  # type: ignore[call-overload]  # what is tested


def test_case_s12_a_dict_is_a_specification_for_start_child() -> None:
    with Supervisor.start([], strategy=Strategy.ONE_FOR_ONE) as tree:
        tree.start_child({"id": "w", "start": start_worker, "restart": "temporary"})
        assert tree.which_child("w").restart is Restart.TEMPORARY


def test_case_s13_a_tuple_is_a_specification_for_start_child() -> None:
    with Supervisor.start([], strategy=Strategy.ONE_FOR_ONE) as tree:
        ref = tree.start_child((Worker, "a", "b")).ref
        assert ref.ask(lambda actor: actor.names) == ("a", "b")


def test_case_s14_an_invalid_specification_is_named_and_found_in_the_caller() -> None:
    with Supervisor.start([], strategy=Strategy.ONE_FOR_ONE) as tree:
        with pytest.raises(BadSpec, match="child 'w': expected `restart`"):
            tree.start_child({"id": "w", "start": start_worker, "restart": "never"})
        assert tree.count_children().specs == 0


@pytest.mark.parametrize("shutdown", [0, 1])
def test_case_s15_shutdown_times_0_and_1_are_valid(shutdown: float) -> None:
    start = ScriptedStart()
    with Supervisor.start([ChildSpec("w", start, shutdown=shutdown)], strategy=Strategy.ONE_FOR_ONE) as tree:
        assert tree.which_child("w").state is ChildState.RUNNING
    assert str(start.child.reason) == "shutdown"


def test_the_arguments_of_an_actor_class_are_passed_on_at_every_start() -> None:
    class Named(Actor):
        def __init__(self, first: str, *, second: int) -> None:
            super().__init__()
            self.both = (first, second)

        def on_receive(self, message: Any) -> Any:
            return self.both

    spec = ChildSpec.of(Named, "x", second=2, id="n")
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE) as tree:
        for _ in range(2):
            assert tree.which_child("n").ref.ask("both") == ("x", 2)
            tree.terminate_child("n")
            tree.restart_child("n")


def test_a_specification_is_equal_to_one_of_the_same_fields() -> None:
    assert ChildSpec.of(Worker, 1, id="w") == ChildSpec.of(Worker, 1, id="w")
    assert ChildSpec.of(Worker, 1, id="w") != ChildSpec.of(Worker, 2, id="w")
