"""A call that is wrong is answered with an error, and harms neither the supervisor nor its children."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from supervisors import (
    Actor,
    BadSpec,
    ChildSpec,
    Down,
    DynamicSupervisor,
    Exit,
    MailboxFull,
    MailboxLimit,
    NotFound,
    Overflow,
    PartitionSupervisor,
    Reason,
    Registry,
    SupervisionError,
    Supervisor,
    TaskSupervisor,
)
from supervisors.calls import BaseSupervisorRef
from tests.supervisors.lifecycle.test_any_reason import TERMS, Hostile, named
from tests.supervisors.stubs import PATIENCE_S, Gate, Worker, down


def _fixed() -> Any:
    return Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_all", max_restarts=0)


def _dynamic() -> Any:
    tree = DynamicSupervisor.start(max_restarts=0)
    tree.start_child(Worker)
    return tree


def _partitions() -> Any:
    return PartitionSupervisor.start(Worker, partitions=1, max_restarts=0)


def _tasks() -> Any:
    tree = TaskSupervisor.start()
    tree.start_child(Worker)
    return tree


KINDS = [_fixed, _dynamic, _partitions, _tasks]
JUNK: list[Any] = [*TERMS, b"", -1, 10**400, float("nan"), [], ([],), {}, lambda: None]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def tree(request: pytest.FixtureRequest) -> Any:
    """A supervisor that no crash of it or of its child would survive, and the child that must be unharmed."""
    tree = request.param()
    child = tree.which_children()[0].ref
    yield tree
    assert tree.exit_reason is None
    assert tree.which_children()[0].ref is child
    assert child.ask("ping") == 1
    tree.stop()


@pytest.mark.parametrize("junk", JUNK, ids=named)
def test_a_message_that_is_no_call_is_dropped_and_a_question_that_is_none_is_refused(tree: Any, junk: Any) -> None:
    tree.tell(junk)
    with pytest.raises(Exception, match="expected"):
        tree.ask(junk)
    with pytest.raises(Exception, match="expected"):
        tree.ask(junk, deadline_s=PATIENCE_S)


@pytest.mark.parametrize("method", ["no_such_call", "__init__", "on_start", "exit", "terminate_all", "_records", ""])
def test_a_call_that_does_not_exist_is_refused(tree: Any, method: str) -> None:
    with pytest.raises(Exception, match="expected"):
        tree.call(method)


@pytest.mark.parametrize("junk", JUNK, ids=named)
@pytest.mark.parametrize(
    "method", ["which_child", "terminate_child", "restart_child", "delete_child", "get_child_spec", "start_child"]
)
def test_a_call_about_something_that_is_no_child_is_refused(tree: Any, method: str, junk: Any) -> None:
    with pytest.raises(Exception):  # noqa: B017 - which one depends on the call
        getattr(tree, method)(junk)
    with pytest.raises(Exception):  # noqa: B017
        tree.call(method, junk)


@pytest.mark.parametrize(
    "method", ["which_children", "count_children", "snapshot", "which_child", "start_child", "reconfigure"]
)
def test_a_call_with_the_wrong_arguments_is_refused(tree: Any, method: str) -> None:
    with pytest.raises(Exception):  # noqa: B017
        tree.call(method, *range(9))


@pytest.mark.parametrize(
    "junk", [junk for junk in JUNK if junk is not None and not isinstance(junk, list | tuple | bytes | dict)], ids=named
)
def test_a_reconfiguration_that_makes_no_sense_changes_nothing(junk: Any) -> None:
    fixed = _fixed()
    for arguments, options in (((junk,), {}), ((), {"children": [junk]}), ((), {"children": junk})):
        with pytest.raises(Exception):  # noqa: B017
            fixed.reconfigure(*arguments, **options)
        with pytest.raises(Exception):  # noqa: B017
            fixed.call("reconfigure", junk, junk)
    assert fixed.which_child("w").incarnation == 1
    fixed.stop()


def test_a_proxy_of_a_supervisor_gets_the_error_and_the_supervisor_goes_on(tree: Any) -> None:
    proxy = tree.proxy()
    for future in (proxy.exit(1, 2, 3), proxy.send_after("never"), proxy.monitor()):
        with pytest.raises(TypeError):
            future.get(timeout=PATIENCE_S)


@pytest.mark.parametrize("junk", JUNK, ids=named)
def test_a_signal_that_is_not_of_a_child_has_no_effect(tree: Any, junk: Any) -> None:
    if not isinstance(junk, Reason) or str(junk) != "killed":
        tree.exit(junk)
    tree.tell(Down(tree, junk, junk))
    tree.tell(Exit(tree, junk))


@pytest.mark.parametrize("junk", [Hostile(), [], {}, ([],)], ids=named)
def test_a_registry_refuses_a_key_that_is_none_and_stays_in_order(junk: Any) -> None:
    registry, ref = Registry(), Worker.start()
    registry.register("name", ref)

    def fails(*_arguments: Any) -> Any:
        raise ZeroDivisionError

    registry.unregister("name", junk)
    calls: list[Callable[[], Any]] = [
        lambda: registry.register(junk, ref),
        lambda: registry.whereis(junk),
        lambda: registry.update_value("name", ref, fails),
        lambda: registry.select(fails),
        lambda: registry.unregister_match("name", fails),
    ]
    for call in calls:
        with pytest.raises((TypeError, RuntimeError, ZeroDivisionError)):
            call()
    assert (registry.names(), registry.whereis("name"), registry.count()) == (["name"], ref, 1)
    ref.stop()
    assert registry.names() == []


def test_a_message_to_all_of_a_group_reaches_all_that_can_be_told() -> None:
    class Full(Worker):
        mailbox_limit = MailboxLimit(1, Overflow.FAIL)

    registry, gate = Registry("duplicate"), Gate()
    full, others = Full.start(), [Worker.start() for _ in range(2)]
    full.tell(gate)
    assert gate.entered.wait(PATIENCE_S)
    full.tell("fills the room")
    for ref in (others[0], full, others[1]):
        registry.register("group", ref)
    with pytest.raises(MailboxFull):
        registry.dispatch("group", "stop")
    assert {str(down(ref)) for ref in others} == {"normal"}
    gate.opened.set()
    full.stop()


def test_a_task_that_cannot_be_run_concerns_its_caller_only() -> None:
    with TaskSupervisor.start() as tree:
        for wrong in (None, "no function", 5):
            with pytest.raises(BadSpec):
                tree.run(wrong).result(PATIENCE_S)  # type: ignore[arg-type]
            with pytest.raises(Exception):  # noqa: B017
                tree.run_linked(wrong, sum, [1])  # type: ignore[arg-type]
        assert tree.run(sum, [1, 2]).result(PATIENCE_S) == 3


def test_what_is_refused_is_refused_with_what_the_supervisor_understands(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "supervisors")
    with _fixed() as tree:
        with pytest.raises(Exception, match=r"expected a call of .*, got 'hello'"):
            tree.ask("hello")
        with pytest.raises(NotFound, match="there is 'w'"):
            tree.which_child("x")
        tree.tell("hello")
        assert isinstance(tree, BaseSupervisorRef)
        assert tree.count_children().active == 1
    assert "hello" in caplog.text


def test_a_child_cannot_harm_its_supervisor_by_a_wrong_call() -> None:
    def wrong(actor: Actor) -> list[str]:
        above: Any = actor.context.supervisor
        errors = []
        wrong_calls: list[tuple[Any, Any]] = [(above.call, "nonsense"), (above.ask, "hello"), (above.which_child, [])]
        for call, argument in wrong_calls:
            with pytest.raises(SupervisionError) as caught:
                call(argument)
            errors.append(str(caught.value))
        return errors

    with _fixed() as tree:
        assert len(tree.which_child("w").ref.ask(wrong)) == 3
        assert tree.which_child("w").incarnation == 1
