"""A class that is not written as it must be is refused by name; what its ``__init__`` raises is a failed start."""

from __future__ import annotations

from typing import Any

import pytest

from supervisors import (
    Actor,
    ActorDead,
    BadActor,
    ChildSpec,
    Ignore,
    MailboxLimit,
    Ref,
    StartError,
    Supervisor,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Recorder, Worker

WRONG: list[tuple[str, Any, str]] = [
    ("mailbox_limit", 10, "a MailboxLimit or None, got 10"),
    ("mailbox_limit", MailboxLimit, "a MailboxLimit or None"),
    ("kill_grace_s", "1", "a finite number of seconds >= 0, got '1'"),
    ("kill_grace_s", -1, "a finite number of seconds >= 0, got -1"),
    ("kill_grace_s", float("nan"), "a finite number of seconds >= 0"),
    ("kill_grace_s", 10**400, "a finite number of seconds >= 0"),
    ("interruptible", "no", "True or False, got 'no'"),
    ("interruptible", lambda self: None, "True or False"),
    ("use_daemon_thread", None, "True or False, got None"),
]


@pytest.mark.parametrize(("option", "value", "expected"), WRONG)
def test_a_wrong_option_of_a_class_is_refused_at_its_definition(option: str, value: Any, expected: str) -> None:
    with pytest.raises(BadActor, match=f"Mine: expected `{option}` to be {expected}"):
        type("Mine", (Actor,), {option: value})


@pytest.mark.parametrize("option", ["mailbox_limit", "kill_grace_s", "interruptible", "use_daemon_thread"])
def test_an_option_of_a_class_that_an_actor_sets_is_refused_since_it_would_be_ignored(option: str) -> None:
    class Mine(Actor):
        def __init__(self) -> None:
            super().__init__()
            setattr(self, option, None)

    with pytest.raises(BadActor, match=f"expected `{option}` to be set in the class Mine"):
        Mine.start()


def test_a_class_that_does_not_call_its_superclass_is_refused() -> None:
    class Mine(Actor):
        def __init__(self) -> None:
            pass

    with pytest.raises(BadActor, match=r"expected Mine.__init__ to call super\(\).__init__\(\); add the call"):
        Mine.start()


@pytest.mark.parametrize("where", ["__init__", "on_start"])
def test_an_error_in_the_start_is_a_start_error_wherever_it_is_raised(where: str) -> None:
    def fail(self: Any) -> None:
        if where == "__init__":
            Actor.__init__(self)
        raise Died("in the start")

    mine: Any = type("Mine", (Actor,), {where: fail})
    with pytest.raises(StartError, match=where) as caught:
        mine.start()
    assert isinstance(caught.value.__cause__, Died)
    with pytest.raises(StartError) as caught:
        Supervisor.start([mine], strategy="one_for_one")
    assert isinstance(caught.value.__cause__, Died)


def test_a_reference_of_an_actor_whose_init_raised_is_dead() -> None:
    refs: list[Ref[Any]] = []

    class Mine(Actor):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            refs.append(self.actor_ref)  # type: ignore[arg-type]  # Pykka's type; it is ours
            raise error

    for error, expected in ((Died("in __init__"), StartError), (Ignore(), Ignore)):
        with pytest.raises(expected):
            Mine.start(error)
    for ref in refs:
        assert not ref.is_alive()
        with pytest.raises(ActorDead):
            ref.ask("anything", timeout=PATIENCE_S)


def test_a_stop_of_a_permanent_child_is_an_end_and_its_successor_appears() -> None:
    recorder = Recorder()
    with Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one", hooks=[recorder]) as tree:
        assert tree.which_child("w").ref.stop() is True
        recorder.ready("w", 2)
        tree.terminate_child("w")
        assert tree.which_child("w").ref is None
