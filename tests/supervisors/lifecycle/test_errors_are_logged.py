"""Whatever a program's own code raises is logged with its traceback, unless its caller gets it, and harms no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from supervisors import (
    SHUTDOWN,
    Actor,
    ChildReady,
    ChildSpec,
    Crashed,
    DynamicSupervisor,
    Registry,
    Restart,
    ScheduledActor,
    Scheduler,
    Supervisor,
    TaskSupervisor,
)
from supervisors.testing import ScriptedChild
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Recorder, Worker, down


class Mistake(Exception):
    """Raised by the code of a program, where it should not."""


def mistakes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the first lines of the log records that print a `Mistake` with its traceback."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.exc_info is not None and isinstance(record.exc_info[1], Mistake) and record.levelno >= logging.ERROR
    ]


def faulty(base: type[Actor], hook: str) -> type[Any]:
    """Return a class of actors that raise in ``hook``."""

    class Faulty(base):  # type: ignore[misc, valid-type]
        kill_grace_s = 0.05

        def on_receive(self, message: Any) -> Any:
            if message == "die":
                raise Died
            return message

        def raise_mistake(self, *_arguments: Any) -> None:
            raise Mistake(hook)

    setattr(Faulty, hook, Faulty.raise_mistake)
    return Faulty


@pytest.mark.parametrize("hook", ["on_stop", "on_failure"])
@pytest.mark.parametrize("supervised", [True, False], ids=["supervised", "alone"])
@pytest.mark.parametrize("base", [Actor, ScheduledActor], ids=lambda base: base.__name__)
def test_an_exception_in_the_last_hook_is_logged(
    base: Any, supervised: bool, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Scheduler(1) as scheduler:
        arguments = (scheduler,) if base is ScheduledActor else ()
        actor_class = faulty(base, hook)
        if supervised:
            tree = Supervisor.start([(actor_class, *arguments)], strategy="one_for_one")
            ref = tree.which_child("Faulty").ref
        else:
            ref = actor_class.start(*arguments)
        ref.tell("die") if hook == "on_failure" else ref.stop()
        reason = down(ref)
        if supervised:
            tree.stop()
    assert isinstance(reason.exception, Died if hook == "on_failure" else Mistake)
    assert mistakes(caplog)


def test_an_exception_in_on_stop_is_logged_when_the_supervisor_is_dead_already(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate()

    class Hanging(Supervisor):
        kill_grace_s = 0.01

        def on_stop(self) -> None:
            gate.pass_through()

    inner = ChildSpec.of(Hanging, [faulty(Actor, "on_stop")], strategy="one_for_one", shutdown=0.01)
    tree = Supervisor.start([inner], strategy="one_for_one")
    above = tree.which_child("Hanging").ref
    ref, thread = above.which_child("Faulty").ref, above.actor_state.thread
    tree.stop()
    assert isinstance(down(ref), Crashed)
    assert mistakes(caplog) == ["on_stop of Faulty 'Faulty' raised"]
    gate.opened.set()
    thread.join(PATIENCE_S)


def test_an_exception_in_on_failure_does_not_take_the_place_of_the_crash() -> None:
    ref = faulty(Actor, "on_failure").start()
    with pytest.raises(Died):
        ref.ask("die")
    assert isinstance(down(ref).exception, Died)


def test_a_caller_that_gets_the_exception_of_a_question_gets_it_and_so_does_the_log_of_an_actor_without_supervisor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ref = faulty(Actor, "on_receive").start()
    with pytest.raises(Mistake):
        ref.ask("anything")
    down(ref)
    assert mistakes(caplog) == ["Faulty 'Faulty' crashed"]


def test_an_exception_of_code_that_was_abandoned_is_logged_when_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    class Deaf(Worker):
        interruptible = False

        def on_receive(self, message: Any) -> Any:
            gate.pass_through()
            raise Mistake

    tree = Supervisor.start([ChildSpec.of(Deaf, shutdown=0.0)], strategy="one_for_one")
    ref = tree.which_child("Deaf").ref
    ref.tell("go")
    assert gate.entered.wait(PATIENCE_S)
    thread = ref.actor_state.thread
    tree.stop()
    gate.opened.set()
    thread.join(PATIENCE_S)
    assert mistakes(caplog)


def raising(*_arguments: Any) -> Any:
    raise Mistake


def _hook() -> None:
    recorder = Recorder()
    with Supervisor.start([Worker], strategy="one_for_one", hooks=[raising, recorder]) as tree:
        recorder.wait_count(ChildReady, 1)
        assert tree.which_child("Worker").ref.ask("ping") == 1


def _listener() -> None:
    with Supervisor.start(
        [ChildSpec.of(Worker, name="w")], strategy="one_for_one", registry=Registry(listeners=[raising])
    ):
        pass


def _timer() -> None:
    with Supervisor.start([], strategy="one_for_one") as tree:
        timers, done = tree.actor_state.timers, Gate()
        timers.after(0.0, raising)
        timers.after(0.0, done.entered.set)
        assert done.entered.wait(PATIENCE_S)


def _watcher() -> None:
    ref = Worker.start()
    ref.on_release(raising)
    ref.actor_state.links.watch(raising)
    assert ref.stop()


def _task() -> None:
    with TaskSupervisor.start() as tree:
        task = tree.run(raising)
        down(task.ref)
        tree.which_children()


def _start() -> None:
    with Supervisor.start([], strategy="one_for_one") as tree, pytest.raises(Exception, match="failed to start"):
        tree.start_child(ChildSpec("s", raising))


@pytest.mark.parametrize("use", [_hook, _listener, _timer, _watcher, _task, _start], ids=lambda use: use.__name__)
def test_an_exception_in_a_function_of_the_program_is_logged_and_harms_no_other(
    use: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    use()
    assert mistakes(caplog)


@pytest.mark.parametrize("method", ["shutdown", "ladder", "abandon", "join", "depth", "ref"])
def test_a_child_of_another_host_whose_methods_raise_harms_no_other(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(ScriptedChild):
        pass

    recorder = Recorder()

    def start(context: Any) -> Any:
        return Faulty(context, heeds_shutdown=False, can_be_killed=False)

    specs = [ChildSpec("s", start, shutdown=0.0), ChildSpec.of(Worker, id="other")]
    tree = Supervisor.start(specs, strategy="one_for_one", hooks=[recorder], mailbox_sample_s=0.001)
    setattr(Faulty, method, property(raising) if method == "ref" else raising)
    other = tree.which_child("other").ref
    try:
        tree.snapshot()
        tree.which_children()
    except Mistake:
        caplog.records[:] = []
    assert other.ask("ping") == 1
    assert tree.stop(timeout=PATIENCE_S)
    assert (down(tree), down(other)) == (SHUTDOWN, SHUTDOWN)


def test_a_dynamic_supervisor_goes_on_when_a_method_of_a_child_raises(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(ScriptedChild):
        def join(self) -> None:
            raise Mistake

    children: list[Faulty] = []
    with DynamicSupervisor.start() as tree:

        def start(context: Any) -> Any:
            children.append(Faulty(context))
            return children[-1]

        tree.start_child(ChildSpec("s", start, restart=Restart.TRANSIENT))
        other = tree.start_child(Worker).ref
        children[0].exit()
        assert other.ask("ping") == 1
        assert tree.count_children().specs == 1
    assert mistakes(caplog)
