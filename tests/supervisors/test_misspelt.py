"""An option that is misspelt, or arguments that a class does not take, are refused by name before anything starts."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from supervisors import (
    Actor,
    BadSpec,
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    ScheduledActor,
    Scheduler,
    StartError,
    Supervisor,
    TaskSupervisor,
)
from supervisors.children.spec import ActorStart
from supervisors.testing import ScriptedStart
from tests.supervisors.stubs import Worker

STARTED: list[str] = []


class Plain(Actor):
    """Takes nothing."""


class Two(Actor):
    """Takes two things."""

    def __init__(self, host: str, *, port: int = 1) -> None:
        super().__init__()
        STARTED.append(host)


OPTIONS = ["id", "restart", "shutdown", "type", "significant", "may_abandon", "name"]


@pytest.mark.parametrize("actor_class", [Plain, Two, Worker, Supervisor, ScheduledActor])
@pytest.mark.parametrize("option", [option for option in OPTIONS if len(option) > 3])
def test_a_misspelt_option_of_a_specification_is_named_with_the_right_one(actor_class: Any, option: str) -> None:
    misspelt = option[:2] + option[3:]
    with pytest.raises(BadSpec, match=f"unexpected keyword argument '{misspelt}'; did you mean '{option}'?"):
        ChildSpec.of(actor_class, **cast(Any, {misspelt: None}))
    with pytest.raises(BadSpec, match=f"got '{misspelt}'; did you mean '{option}'?"):
        Supervisor.start([{"id": "w", "start": ScriptedStart(), misspelt: None}], strategy="one_for_one")


def test_a_misspelt_argument_of_the_class_is_named_too() -> None:
    with pytest.raises(BadSpec, match=r"ChildSpec.of\(Two, ...\) got an unexpected .* 'prot'; did you mean 'port'"):
        ChildSpec.of(Two, "h", prot=1)
    with pytest.raises(BadSpec, match="did you mean 'restart'"):
        Two.child_spec("h", restrat="temporary")


def test_too_many_arguments_are_refused_where_they_are_given() -> None:
    with pytest.raises(BadSpec, match="too many positional arguments"):
        ChildSpec.of(Two, "h", 1)
    with pytest.raises(BadSpec, match="too many positional arguments"):
        Supervisor.start([(Plain, 1)], strategy="one_for_one")


def test_missing_arguments_are_refused_before_anything_starts() -> None:
    STARTED.clear()
    with pytest.raises(BadSpec, match="child 'b': Two missing a required argument: 'host'"):
        Supervisor.start([ChildSpec.of(Two, "h", id="a"), ChildSpec.of(Two, id="b")], strategy="one_for_one")
    with Supervisor.start([], strategy="one_for_one") as tree, pytest.raises(BadSpec, match="missing a required"):
        tree.start_child(Two)
    with pytest.raises(BadSpec, match="missing a required"):
        PartitionSupervisor.start(Two, partitions=2)
    with pytest.raises(BadSpec, match="missing a required"):
        Supervisor.start([ChildSpec("a", ActorStart(Two))], strategy="one_for_one")
    assert STARTED == []


def test_the_extra_arguments_of_a_dynamic_supervisor_count() -> None:
    with DynamicSupervisor.start(extra_arguments=["h"]) as tree:
        assert tree.start_child(Two).incarnation == 1
        with pytest.raises(BadSpec, match="too many positional arguments"):
            tree.start_child((Two, "h"))
    with DynamicSupervisor.start() as tree, pytest.raises(BadSpec, match="missing a required"):
        tree.start_child(Two)


def start(kind: Any, *args: Any, **kwargs: Any) -> Any:
    """Start an actor, past the eyes of mypy, which finds all this, too."""
    return kind.start(*args, **kwargs)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: start(Plain, restart=1), "Plain.start() got an unexpected keyword argument 'restart'"),
        (lambda: start(Plain, 1), "Plain.start() too many positional arguments"),
        (lambda: start(Two, "h", prot=1), "'prot'; did you mean 'port'?"),
        (lambda: start(Supervisor, [], strategy="one_for_one", hook=[]), "'hook'; did you mean 'hooks'?"),
        (lambda: start(Supervisor, [], strtegy="one_for_one"), "'strtegy'; did you mean 'strategy'?"),
        (lambda: start(DynamicSupervisor, max_childs=3), "'max_childs'; did you mean 'max_children'?"),
        (lambda: start(DynamicSupervisor, registri=None), "'registri'; did you mean 'registry'?"),
        (lambda: start(PartitionSupervisor, Plain, partitions=1, hook=[]), "'hook'; did you mean 'hooks'?"),
        (lambda: start(TaskSupervisor, max_childs=3), "'max_childs'; did you mean 'max_children'?"),
        (lambda: ScriptedStart(heeds_shutdwn=True), "'heeds_shutdwn'; did you mean 'heeds_shutdown'?"),
    ],
)
def test_a_call_with_a_misspelt_option_is_a_type_error_that_names_the_right_one(call: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=re.escape(hint)):
        call()


def test_an_error_in_the_code_of_a_class_is_not_taken_for_a_wrong_call() -> None:
    class Wrong(Actor):
        def __init__(self) -> None:
            super().__init__()
            len(3)  # type: ignore[arg-type]  # what is tested

    with pytest.raises(StartError) as caught:
        Wrong.start()
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_class_that_takes_any_option_gets_them() -> None:
    class Open(Actor):
        def __init__(self, **options: object) -> None:
            super().__init__()
            self.options = options

        def on_receive(self, _: object) -> Any:
            return self.options

    with Supervisor.start([ChildSpec.of(Open, id="any", colour="blue")], strategy="one_for_one") as tree:
        assert tree.which_child("any").ref.ask("options") == {"colour": "blue"}


def test_a_scheduled_actor_needs_its_scheduler() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'scheduler'"):
        ScheduledActor.start()  # type: ignore[call-arg]  # what is tested
    with Scheduler(1) as scheduler:
        ScheduledActor.start(scheduler).stop()
