from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest

from supervisors import (
    NORMAL,
    SHUTDOWN,
    Actor,
    ActorDead,
    ChildSpec,
    Crashed,
    Ignore,
    Registry,
    StartContext,
    StartError,
    Strategy,
    Supervisor,
)
from supervisors.lifecycle.launch import create, launch
from tests.supervisors.stubs import PATIENCE_S, Died, Recorder, Worker, down, tell_and_see_die

FATAL = [Exception("plain"), KeyboardInterrupt(), SystemExit(1), GeneratorExit(), BaseException("base")]


class Hooked(Actor):
    """Raises what it is given in the hook that it is given."""

    def __init__(self, hook: str, error: BaseException) -> None:
        super().__init__()
        self.hook, self.error = hook, error
        self.raise_in("__init__")

    def raise_in(self, hook: str) -> None:
        if self.hook == hook:
            raise self.error

    def on_start(self) -> None:
        self.raise_in("on_start")

    def on_receive(self, message: Any) -> None:
        self.raise_in("on_receive")
        if message == "die":
            raise Died

    def on_stop(self) -> None:
        self.raise_in("on_stop")

    def on_failure(self, *_exc_info: object) -> None:
        self.raise_in("on_failure")


def test_an_exception_after_a_tell_ends_the_actor_with_it() -> None:
    assert isinstance(tell_and_see_die(Worker.start()).exception, Died)


def test_an_exception_after_an_ask_fails_the_answer_and_ends_the_actor_with_it() -> None:
    ref = Worker.start()
    with pytest.raises(Died) as caught:
        ref.ask("die")
    assert down(ref).exception is caught.value


def test_the_hook_on_failure_is_given_the_exception() -> None:
    seen: list[Any] = []

    class ChildControl(Worker):
        def on_failure(self, *exc_info: Any) -> None:
            seen.extend(exc_info)

        def on_stop(self) -> None:
            seen.append("stopped in order")

    reason = tell_and_see_die(ChildControl.start())
    assert seen == [Died, reason.exception, seen[2]]
    assert seen[2] is not None


@pytest.mark.parametrize(("end", "reason"), [("stop", NORMAL), (SHUTDOWN, SHUTDOWN)], ids=str)
def test_the_hook_on_stop_knows_the_reason(end: Any, reason: Any) -> None:
    seen: list[Any] = []

    class ChildControl(Worker):
        def on_stop(self) -> None:
            seen.append(self.exit_reason)

    tell_and_see_die(ChildControl.start(), end)
    assert seen == [reason]


def test_messages_sent_before_a_stop_are_handled_before_it() -> None:
    handled: list[int] = []
    ref = Worker.start()
    for number in range(100):
        ref.tell(lambda _, number=number: handled.append(number))
    assert ref.stop()
    assert handled == list(range(100))


def test_stopping_twice_is_true_and_then_false() -> None:
    ref = Worker.start()
    assert [ref.stop(), ref.stop()] == [True, False]
    assert down(ref) == NORMAL


def test_start_returns_when_on_start_has_succeeded() -> None:
    started = threading.Event()

    class Slow(Worker):
        def on_start(self) -> None:
            started.set()

    ref = Slow.start()
    assert started.is_set()
    ref.stop()


@pytest.mark.parametrize("error", FATAL, ids=repr)
def test_a_failing_on_start_is_a_failed_start_with_its_cause(error: BaseException) -> None:
    with pytest.raises(StartError, match="on_start") as caught:
        Hooked.start("on_start", error)
    assert caught.value.__cause__ is error


def test_an_actor_that_leaves_during_on_start_has_not_started() -> None:
    class Leaving(Actor):
        def on_start(self) -> None:
            self.exit(SHUTDOWN)

    with pytest.raises(StartError) as caught:
        Leaving.start()
    assert isinstance(caught.value.__cause__, ActorDead)


@pytest.mark.parametrize("hook", ["__init__", "on_start"])
def test_an_actor_may_decline_to_run(hook: str) -> None:
    with pytest.raises(Ignore):
        Hooked.start(hook, Ignore())


def test_an_actor_that_does_not_call_its_superclass_is_told_so() -> None:
    class Forgetful(Actor):
        def __init__(self) -> None:
            pass

    with pytest.raises(TypeError, match=r"expected Forgetful.__init__ to call super"):
        Forgetful.start()


@pytest.mark.parametrize("error", FATAL, ids=repr)
@pytest.mark.parametrize("hook", ["on_receive", "on_stop", "on_failure"])
def test_case_x11_whatever_is_raised_in_a_hook_ends_that_actor_and_no_other(hook: str, error: BaseException) -> None:
    ours, pykkas = Worker.start(), pykka.ThreadingActor.start()
    ref = Hooked.start(hook, error)
    ref.tell("die") if hook != "on_stop" else ref.stop()
    reason = down(ref)
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Died if hook == "on_failure" else type(error))
    assert ours.ask("ping") == 1
    assert pykkas.is_alive()
    ours.stop()
    pykkas.stop()


@pytest.mark.parametrize("error", FATAL, ids=repr)
@pytest.mark.parametrize("hook", ["__init__", "on_start", "on_receive", "on_stop", "on_failure"])
def test_case_x11_a_supervisor_survives_whatever_its_child_raises(hook: str, error: BaseException) -> None:
    recorder = Recorder()
    with Supervisor.start([ChildSpec.of(Worker, id="other")], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        spec = ChildSpec.of(Hooked, hook, error, id="hooked")
        if hook in ("__init__", "on_start"):
            with pytest.raises(StartError) as caught:
                tree.start_child(spec)
            assert caught.value.__cause__ is error
        else:
            tree.start_child(spec).ref.tell("die") if hook != "on_stop" else tree.start_child(spec).ref.stop()
            recorder.ready("hooked", 2)
        assert tree.which_child("other").incarnation == 1
        assert tree.which_child("other").ref.ask("ping") == 1


def test_an_actor_knows_its_circumstances_in_its_constructor() -> None:
    seen: list[Any] = []

    class Curious(Actor):
        def __init__(self) -> None:
            seen.append((self.context.id, self.incarnation, self.context.path))
            super().__init__()

    with Supervisor.start([ChildSpec.of(Curious, id="c")], strategy="one_for_one", name="root"):
        assert seen == [("c", 1, ("root",))]


def test_an_actor_whose_start_was_broken_off_before_its_thread_ran_never_runs() -> None:
    started: list[str] = []

    class Noting(Worker):
        def on_start(self) -> None:
            started.append("ran")

    actor = create(Noting, StartContext("n"), (), {})
    assert actor._actor_state.finish(SHUTDOWN, unless_begun=True)
    actor._actor_kind.begin(actor)
    assert actor._actor_state.join(PATIENCE_S)
    assert started == []
    ref = Noting.start()
    assert not ref.actor_state.finish(SHUTDOWN, unless_begun=True)
    assert ref.stop()


def test_an_actor_whose_thread_cannot_be_started_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()

    def refuse(_thread: object) -> None:
        raise RuntimeError("can't start new thread")

    actor = create(Worker, StartContext("w", name="w", registry=registry), (), {})
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        launch(actor)
    assert registry.names() == []
    with pytest.raises(ActorDead):
        actor.actor_ref.ask("ping")
