"""Wrong kinds of arguments, one by one, in all that is public: an error of ours at once, or what it says it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

import supervisors
from supervisors import (
    Actor,
    ActorDead,
    Backoff,
    ChildSpec,
    DynamicSupervisor,
    Event,
    Flags,
    Hooks,
    MailboxLimit,
    PartitionSupervisor,
    Ref,
    Registry,
    RestartWindow,
    Scheduler,
    SupervisionError,
    Supervisor,
    TaskSupervisor,
    ThreadChild,
    find_actors,
    kill,
    on,
    render_tree,
    run_until_signal,
)
from supervisors.children.spec import ActorStart
from supervisors.partition import partition_of
from supervisors.spec_like import to_spec, to_specs
from supervisors.testing import ManualClock, ScriptedStart, crashing
from tests.supervisors.stubs import PATIENCE_S

OURS = (SupervisionError, TypeError, pykka.Timeout, ActorDead)


class Echo(Actor):
    """Answers with what it is asked, or with the result of a function."""

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) and not isinstance(message, type) else message


JUNK: dict[str, Any] = {
    "none": None,
    "class": Echo,
    "text": "text",
    "tuple": (1,),
    "nan": math.nan,
    "negative": -1,
    "huge": 10**400,
    "object": object(),
    "true": True,
    "list": [],
    "dict": {},
}
HASHABLE = set(JUNK) - {"list", "dict"}
ANY = set(JUNK)
LISTS = {"list", "dict"}

TREE = {
    "name": {"text"},
    "hooks": LISTS,
    "clock": {"none"},
    "registry": {"none"},
    "mailbox_sample_s": {"none"},
}
WINDOW = {"max_restarts": {"huge"}, "max_seconds": set[str](), "backoff": {"none"}}
SPEC = {
    "id": {"text"},
    "restart": set[str](),
    "shutdown": {"none"},
    "type": set[str](),
    "significant": set[str](),
    "may_abandon": {"none", "true"},
    "name": HASHABLE,
    "start_timeout": set[str](),
}

Fits = dict[str, set[str]]
"""For each parameter the kinds of junk that are none there; ``not ...`` is a kind that is not tried."""

STARTS: list[tuple[str, Callable[..., Any], dict[str, Any], Fits]] = [
    ("ChildSpec", ChildSpec, {"id": "w", "start": print}, {**SPEC, "start": {"class"}}),
    ("ChildSpec.of", lambda kind=Echo, **options: ChildSpec.of(kind, **options), {},
     {**SPEC, "id": {"none", "text"}, "type": {"none"}, "kind": {"class"}}),
    ("ActorStart", ActorStart, {"actor_class": Echo},
     {"actor_class": {"class"}, "args": {"tuple"}, "kwargs": {"dict"}}),
    ("Flags", Flags, {"strategy": "one_for_one"}, {**WINDOW, "strategy": set(), "auto_shutdown": set()}),
    ("Backoff", Backoff, {},
     {"min_s": set(), "max_s": set(), "factor": set(), "jitter": set(), "seed": {"huge", "negative"}}),
    ("RestartWindow", RestartWindow, {}, {"max_restarts": {"huge"}, "max_seconds": set()}),
    ("MailboxLimit", MailboxLimit, {"size": 1}, {"size": {"huge"}, "overflow": set()}),
    ("Registry", Registry, {}, {"keys": set(), "listeners": LISTS}),
    ("Hooks", Hooks, {}, {"hooks": LISTS}),
    ("on", on, {"event_type": Event, "hook": print}, {"event_type": set(), "hook": {"class"}}),
    ("partition_of", partition_of, {"key": 1, "partitions": 1}, {"key": ANY, "partitions": {"huge"}}),
    ("to_spec", to_spec, {}, {"child": {"class"}}),
    ("to_specs", to_specs, {}, {"children": {"list"}}),
    ("render_tree", render_tree, {}, {"supervisor": set()}),
    ("find_actors", find_actors, {"actor_class": Echo}, {"supervisor": set()}),
    ("kill", kill, {}, {"target": set()}),
    ("ThreadChild", ThreadChild, {}, {"ref": set()}),
    ("run_until_signal", run_until_signal, {}, {"tree": set()}),
    ("ManualClock", ManualClock, {}, {"now": {"negative"}}),
    ("advance", ManualClock().advance, {}, {"seconds": set()}),
    ("crashing", crashing, {"actor_class": Echo, "script": {}}, {"actor_class": {"class"}, "script": {"dict"}}),
    ("ScriptedStart", ScriptedStart, {}, {"outcomes": {"list", "tuple"}}),
    ("Scheduler", lambda **options: Scheduler(**options).stop(), {},
     {"threads": {"none", "huge"}, "blocked_after_s": set(), "deadline_s": {"none"}, "name": {"text"}}),
    ("Supervisor.start", Supervisor.start, {"children": [], "strategy": "one_for_one"},
     {**WINDOW, **TREE, "children": {"list"}, "strategy": set(), "auto_shutdown": set()}),
    ("DynamicSupervisor.start", DynamicSupervisor.start, {},
     {**WINDOW, **TREE, "max_children": {"none", "huge"}, "extra_arguments": {"list", "tuple"}}),
    ("PartitionSupervisor.start", PartitionSupervisor.start, {"child": Echo, "partitions": 1},
     {**WINDOW, **TREE, "child": {"class"}, "partitions": set()}),
    ("TaskSupervisor.start", TaskSupervisor.start, {}, {**TREE, "max_children": {"none", "huge"}}),
]  # fmt: skip


def walk(call: Callable[..., Any], right: dict[str, Any], fits: Fits) -> list[str]:
    """Call with each kind of junk for each parameter; return what was neither fit nor refused with an error of ours."""
    wrong = []
    for parameter, kinds in fits.items():
        for kind, junk in JUNK.items():
            if f"not {kind}" in kinds:
                continue
            try:
                result = call(**{**right, parameter: junk})
            except OURS as error:
                if kind in kinds:
                    wrong.append(f"{parameter}={kind} was refused: {error}")
                if "\n" in str(error) or len(str(error)) > 400:
                    wrong.append(f"{parameter}={kind}: the error is not one line: {error}")
            except Exception as error:  # noqa: BLE001 - that is the finding
                wrong.append(f"{parameter}={kind}: {type(error).__name__}: {error}")
            else:
                if isinstance(result, Ref) and result.actor_class is not Echo:
                    result.stop(timeout=PATIENCE_S)
                if kind not in kinds:
                    wrong.append(f"{parameter}={kind} was accepted")
    return wrong


@pytest.mark.parametrize(("call", "right", "fits"), [each[1:] for each in STARTS], ids=[each[0] for each in STARTS])
def test_what_is_made_or_started_refuses_what_it_cannot_use(
    call: Callable[..., Any], right: dict[str, Any], fits: Fits
) -> None:
    assert walk(call, right, fits) == []


@pytest.fixture
def echo() -> Iterator[Ref[Echo]]:
    ref = Echo.start()
    yield ref
    assert ref.ask(1) == 1, "it was harmed"
    ref.stop()


def test_the_calls_of_a_reference_refuse_what_they_cannot_use(echo: Ref[Echo]) -> None:
    dead = Echo.start()
    dead.stop()
    block, timeout = {"true"}, {"none"}
    kinds = {"message": ANY, "block": block, "timeout": timeout, "deadline_s": timeout}
    assert walk(echo.ask, {"message": 1}, kinds) == []
    assert walk(dead.stop, {}, {"block": block, "timeout": timeout}) == []
    assert walk(dead.wait, {}, {"timeout": timeout}) == []
    assert walk(echo.on_release, {}, {"release": {"class"}}) == []
    assert walk(echo.ask(1, block=False).get, {}, {"timeout": timeout}) == []


def test_the_calls_of_a_registry_refuse_what_they_cannot_use(echo: Ref[Echo]) -> None:
    def register(**arguments: Any) -> None:
        Registry().register(**{"key": "k", "ref": echo, **arguments})

    registry = Registry()
    registry.register("k", echo)
    assert walk(register, {}, {"key": HASHABLE, "ref": HASHABLE - {"none", "class"}, "value": ANY}) == []
    assert walk(registry.whereis, {"key": "k"}, {"key": HASHABLE, "actor_class": {"none", "class"}}) == []
    assert walk(registry.whereis, {"key": "none"}, {"actor_class": {"none", "class"}}) == []
    for look in (registry.lookup, registry.lookup_all, registry.unregister):
        assert walk(look, {}, {"key": HASHABLE}) == []
    assert walk(registry.dispatch, {"key": "k", "message": 1}, {"key": HASHABLE, "message": ANY}) == []
    assert walk(registry.select, {}, {"wanted": {"not class"}}) == []
    assert walk(registry.unregister_match, {"key": "k"}, {"wanted": {"not class"}}) == []
    assert walk(registry.update_value, {"key": "k", "ref": echo}, {"update": {"not class"}}) == []
    assert walk(Registry().add_listener, {}, {"listener": {"class"}}) == []
    assert walk(registry.ref, {"name": "k"}, {"name": HASHABLE, "patience": {"none"}}) == []
    registry.register("still", echo)
    named = registry.ref("still", patience=0)
    assert walk(named.ask, {"message": 1}, {"message": ANY, "timeout": {"none"}}) == []
    assert walk(named.resolve, {}, {"timeout": {"none"}}) == []


def test_the_calls_of_a_tree_refuse_what_they_cannot_use() -> None:
    with Supervisor.start([Echo], strategy="one_for_one") as tree:
        child = tree.which_child("Echo").ref
        for call in (tree.terminate_child, tree.restart_child, tree.delete_child, tree.get_child_spec):
            assert walk(call, {}, {"id": set()}) == []
        assert walk(tree.which_child, {"id": "Echo"}, {"id": set(), "actor_class": {"none", "class"}}) == []
        assert walk(tree.start_child, {}, {"child": set()}) == []
        assert walk(tree.reconfigure, {}, {"flags": {"none"}, "children": {"list"}}) == []
        assert walk(tree.snapshot, {}, {"timeout": {"none"}}) == []
        assert walk(render_tree, {"supervisor": tree}, {"timeout": {"none"}}) == []
        assert tree.which_child("Echo").ref is child


def test_the_calls_of_the_other_supervisors_refuse_what_they_cannot_use(echo: Ref[Echo]) -> None:
    with DynamicSupervisor.start() as dynamic:
        assert walk(dynamic.start_child, {}, {"child": {"class"}}) == []
        for call in (dynamic.terminate_child, dynamic.which_child, dynamic.get_child_spec):
            assert walk(call, {}, {"ref": set()}) == []
        options = {**WINDOW, "max_children": {"none", "huge"}, "extra_arguments": {"list", "tuple"}}
        assert walk(dynamic.reconfigure, {}, options) == []
    with TaskSupervisor.start() as tasks:
        assert walk(lambda function: tasks.run(function).result(), {}, {"function": {"class"}}) == []
        assert walk(lambda owner: tasks.run_linked(owner, print), {}, {"owner": set()}) == []
        assert walk(tasks.run(int).result, {}, {"timeout": {"none"}}) == []
    with PartitionSupervisor.start(Echo, partitions=2) as copies:
        assert walk(copies.route, {}, {"key": ANY}) == []
        assert walk(copies.resize, {}, {"partitions": set()}) == []


VERBS: list[tuple[str, dict[str, Any], Fits]] = [
    ("monitor", {}, {"ref": set()}),
    ("demonitor", {"monitor": None}, {"ref": set()}),
    ("link", {}, {"ref": set()}),
    ("unlink", {}, {"ref": set()}),
    ("send_after", {"delay_s": 3600, "message": 1}, {"delay_s": set(), "message": ANY}),
    ("receive", {"match": int}, {"timeout": {"not none"}}),
    ("receive", {"timeout": 0}, {"match": {"not class"}}),
]


@pytest.mark.parametrize(("verb", "right", "fits"), VERBS, ids=[f"{each[0]}-{[*each[2]]}" for each in VERBS])
def test_the_verbs_of_an_actor_refuse_what_they_cannot_use(verb: str, right: dict[str, Any], fits: Fits) -> None:
    def call(**arguments: Any) -> None:
        ref = Echo.start()
        try:
            ref.ask(lambda actor: getattr(actor, verb)(**arguments) and None)
        finally:
            ref.exit("over")
            ref.wait()

    assert walk(call, right, fits) == []


def test_what_is_public_is_walked_or_takes_nothing() -> None:
    walked = {name.partition(".")[0] for name, *_ in STARTS}
    functions = {name for name in supervisors.__all__ if callable(getattr(supervisors, name)) and name[0].islower()}
    assert functions - walked == {"abandoned_threads"}
