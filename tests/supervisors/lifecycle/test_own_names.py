"""The names of the machinery are few, listed, and cannot be used for something else by accident."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pykka
import pytest

import supervisors
from supervisors import (
    Actor,
    BadActor,
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    ScheduledActor,
    Scheduler,
    StartContext,
    StartError,
    Supervisor,
    TaskSupervisor,
)
from supervisors.lifecycle.launch import create
from supervisors.lifecycle.own_names import own_names
from tests.supervisors.stubs import PATIENCE_S, Worker

OPTIONS = {"mailbox_limit", "kill_grace_s", "interruptible"}
MACHINERY = {"_actor_kind", "_actor_state"}
README = Path(supervisors.__file__).with_name("README.md")

FREE = [
    *("run", "handle", "cell", "loop", "state", "actor_state", "make_mailbox", "make_ref", "make_state", "make_thread"),
    *(
        "start_thread",
        "handle_proxy_message",
        "stop_reason",
        "child_type",
        "ref_class",
        "forget_work",
        "records",
        "kind",
    ),
    *("forget", "retire", "restart", "children", "which_children", "start_child", "terminate_all", "stop_affected"),
    *("_attempt", "_obey", "_select", "_run_hooks", "_receive_all", "_flags", "_window", "_control", "_records"),
    *("_stop", "_handle_receive", "_handle_failure", "_actor_loop", "_actor_loop_running"),
]
"""Names that are not the package's, though they were, or may be taken to be: Pykka's private ones among them."""


def named(base: type, **members: Any) -> Any:
    """Return a subclass that defines ``members``."""
    return type("Mine", (base,), members)


def names(actor: Actor) -> set[str]:
    """Return the names that an actor has beyond those of Pykka's and of every object."""
    return {name for name in dir(actor) if not name.startswith("__")} - set(dir(pykka.ThreadingActor()))


def test_an_actor_has_the_documented_names_and_no_others_beyond_pykkas() -> None:
    assert names(Actor()) == {*own_names(Actor), "child_spec"} | OPTIONS | MACHINERY


SUPERVISORS: list[tuple[type[Actor], tuple[Any, ...], dict[str, Any]]] = [
    (Supervisor, ([],), {"strategy": "one_for_one"}),
    (DynamicSupervisor, (), {}),
    (PartitionSupervisor, (Worker,), {"partitions": 1}),
    (TaskSupervisor, (), {}),
]


@pytest.mark.parametrize(("kind", "args", "kwargs"), SUPERVISORS)
def test_a_supervisor_has_one_name_more(kind: type[Actor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert names(create(kind, StartContext("it"), args, kwargs)) - names(Actor()) == {"_actor_supervision"}


def test_a_scheduled_actor_has_four_names_more() -> None:
    with Scheduler(1) as scheduler:
        more = names(ScheduledActor(scheduler)) - names(Actor())
    assert more == {"scheduler", "urgency", "on_turn", "_actor_scheduler"}


def test_every_name_is_listed_in_the_readme() -> None:
    listed = {*own_names(Actor), "child_spec", "scheduler", "urgency", "on_turn"} | OPTIONS | MACHINERY
    text = README.read_text()
    assert [name for name in listed if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", FREE)
def test_a_method_of_any_other_name_is_the_users_own(name: str) -> None:
    def answer(self: Any, message: Any) -> Any:
        return getattr(self, name)(message)

    def echo(_: Any, message: Any = 1) -> Any:
        return message

    mine = named(Actor, **{name: echo, "on_receive": answer})
    ref = mine.start()
    assert ref.ask(7) == 7
    ref.stop()


@pytest.mark.parametrize("name", FREE)
def test_an_attribute_of_any_other_name_is_the_users_own(name: str) -> None:
    def remember(self: Any) -> None:
        Actor.__init__(self)
        setattr(self, name, "mine")

    mine = named(Actor, __init__=remember, on_receive=lambda self, _: getattr(self, name))
    with Supervisor.start([ChildSpec.of(mine, id="mine")], strategy="one_for_one") as tree:
        assert tree.which_child("mine").ref.ask("name") == "mine"


@pytest.mark.parametrize("name", [name for name in FREE if not name.startswith("_actor")])
def test_a_supervisor_of_ones_own_may_use_any_other_name(name: str) -> None:
    def begin(self: Any) -> None:
        Supervisor.__init__(self, [Worker], strategy="one_for_one")
        setattr(self, name, "mine")

    with named(Supervisor, __init__=begin).start() as tree:
        assert tree.which_child("Worker").ref.ask("ping") == 1


@pytest.mark.parametrize("name", own_names(Actor))
def test_a_name_of_the_package_is_refused_where_a_class_defines_it(name: str) -> None:
    with pytest.raises(BadActor, match=f"expected Mine to leave the name `{name}` to supervisors.Actor"):
        named(Actor, **{name: lambda self: None})
    mixin = type("Mixin", (), {name: None})
    with pytest.raises(BadActor, match=name):
        type("Mine", (mixin, Actor), {})
    with pytest.raises(BadActor, match=name):
        named(Supervisor, **{name: "a default"})


@pytest.mark.parametrize("name", sorted({*own_names(Actor)} - {"trap_exit"}))
@pytest.mark.parametrize("hook", ["__init__", "on_start"])
def test_a_name_of_the_package_is_refused_where_an_actor_sets_it(name: str, hook: str) -> None:
    def take(self: Any) -> None:
        if hook == "__init__":
            Actor.__init__(self)
        setattr(self, name, "mine")

    with pytest.raises((BadActor, StartError)) as caught:
        named(Actor, **{hook: take}).start()
    refusal = caught.value if isinstance(caught.value, BadActor) else caught.value.__cause__
    assert isinstance(refusal, BadActor)
    assert f"`{name}`" in str(refusal)


def test_the_scheduler_of_an_actor_cannot_be_replaced_by_accident() -> None:
    with pytest.raises(BadActor, match="scheduler"):
        named(ScheduledActor, scheduler=None)
    with Scheduler(1) as scheduler:
        ref = named(ScheduledActor, on_receive=lambda self, _: self.scheduler).start(scheduler)
        assert ref.ask("which") is scheduler
        ref.stop()


def test_the_hooks_of_a_supervisor_of_ones_own_have_no_part_in_its_work() -> None:
    seen: list[str] = []

    class Mine(Supervisor):
        def on_start(self) -> None:
            seen.append("started")

        def on_stop(self) -> None:
            seen.append("stopping")

    class Child(Worker):
        def on_start(self) -> None:
            seen.append("child started")

        def on_stop(self) -> None:
            seen.append("child stopping")

    tree = Mine.start([Child], strategy="one_for_one")
    tree.which_child("Child").ref.tell("die")
    tree.stop()
    assert seen[:2] == ["child started", "started"]
    assert seen[-2] == "stopping" or seen[-1] == "stopping"
    assert tree.wait(PATIENCE_S) is not None


def test_a_hook_of_a_supervisor_of_ones_own_that_raises_leaves_no_child_behind() -> None:
    children: list[Any] = []

    class Mine(Supervisor):
        def on_start(self) -> None:
            raise RuntimeError("in on_start")

    class Child(Worker):
        def on_start(self) -> None:
            children.append(self.actor_ref)

    with pytest.raises(StartError) as caught:
        Mine.start([Child], strategy="one_for_one")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert children[0].wait(PATIENCE_S) is not None


def test_a_method_of_an_actor_is_found_by_proxies_and_by_help() -> None:
    ref = Worker.start()
    assert ref.proxy().take_messages().get(timeout=PATIENCE_S) == []
    assert (Actor.link.__doc__ or "").startswith("Share the fate")
    ref.stop()
