"""A wait that only the one who waits could end is an error at once, and no deadlock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from supervisors import (
    SHUTDOWN,
    Actor,
    ActorDead,
    ChildSpec,
    ScheduledActor,
    Scheduler,
    StartError,
    Stopping,
    Supervisor,
    TaskSupervisor,
)
from tests.supervisors.stubs import PATIENCE_S, Worker, down


async def awaited(future: Any) -> Any:
    """Await a future in a coroutine."""
    return await future


WAITS: dict[str, Callable[[Any], Any]] = {
    "stop": lambda ref: ref.stop(),
    "stop with a timeout": lambda ref: ref.stop(timeout=PATIENCE_S),
    "ask": lambda ref: ref.ask("ping"),
    "ask with a timeout": lambda ref: ref.ask("ping", timeout=PATIENCE_S),
    "ask with a deadline": lambda ref: ref.ask("ping", deadline_s=PATIENCE_S),
    "ask and get": lambda ref: ref.ask("ping", block=False).get(),
    "proxy": lambda ref: ref.proxy().incarnation.get(),
    "a call by proxy": lambda ref: ref.proxy().own_method().get(),
    "await ask": lambda ref: asyncio.run(ref.ask_async("ping")),
    "await ask with a timeout": lambda ref: asyncio.run(ref.ask_async("ping", timeout=PATIENCE_S)),
    "await a future": lambda ref: asyncio.run(awaited(ref.ask("ping", block=False))),
    "wait": lambda ref: ref.wait(),
    "wait with a timeout": lambda ref: ref.wait(PATIENCE_S),
}
HOOKS = ["on_start", "on_receive", "on_stop", "on_failure"]


def selfish(base: type[Actor]) -> type[Any]:
    """Return a class of actors that wait for themselves, in the hook they are told, and note what happens."""

    class Selfish(base):  # type: ignore[misc, valid-type]
        def __init__(self, *scheduler: Any, hook: str, wait: Callable[[Any], Any], seen: list[Any]) -> None:
            super().__init__(*scheduler)
            self.hook, self.wait_for, self.seen = hook, wait, seen

        def own_method(self) -> None:
            pass

        def try_in(self, hook: str) -> None:
            if hook == self.hook:
                try:
                    self.seen.append(self.wait_for(self.actor_ref))
                except (RuntimeError, Stopping) as error:  # in its last hook it answers nothing any more
                    self.seen.append(error)

        def on_start(self) -> None:
            self.try_in("on_start")

        def on_receive(self, message: Any) -> Any:
            self.try_in("on_receive")
            if message == "die":
                raise ValueError

        def on_stop(self) -> None:
            self.try_in("on_stop")

        def on_failure(self, *_exc_info: Any) -> None:
            self.try_in("on_failure")

    return Selfish


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("base", [Actor, ScheduledActor], ids=lambda base: base.__name__)
def test_an_actor_that_waits_for_itself_gets_an_error(base: Any, wait: Callable[[Any], Any], hook: str) -> None:
    seen: list[Any] = []
    with Scheduler(1) as scheduler:
        arguments = (scheduler,) if base is ScheduledActor else ()
        ref = selfish(base).start(*arguments, hook=hook, wait=wait, seen=seen)
        ref.tell("die" if hook == "on_failure" else "go on")
        if hook != "on_failure":
            ref.stop()
        down(ref)
    assert len(seen) == 1
    assert "itself" in str(seen[0]) or (isinstance(seen[0], Stopping) and hook in ("on_stop", "on_failure"))


def test_a_wait_for_oneself_that_nobody_catches_is_a_crash_like_any_other() -> None:
    ref = Worker.start()
    with pytest.raises(RuntimeError, match="itself"):
        ref.ask(lambda actor: actor.actor_ref.stop())
    assert isinstance(down(ref).exception, RuntimeError)


def test_an_actor_may_stop_itself_without_waiting() -> None:
    ref = Worker.start()
    assert ref.ask(lambda actor: actor.actor_ref.stop(block=False) and "told") == "told"
    assert ref.wait(PATIENCE_S) is not None


def test_an_answer_that_is_there_already_may_be_read_by_the_actor_that_gave_it() -> None:
    kept: list[Any] = []
    ref = Worker.start()
    ref.ask(lambda actor: kept.append(actor.actor_ref.ask("ping", block=False)))
    assert ref.ask(lambda actor: kept[0].get()) == 1
    ref.stop()


def test_a_child_that_calls_its_supervisor_while_it_is_started_gets_an_error() -> None:
    seen: list[Any] = []

    class Curious(Worker):
        def on_start(self) -> None:
            above: Any = self.context.supervisor
            for call in (above.which_children, above.wait, above.proxy().incarnation.get):
                try:
                    call()
                except RuntimeError as error:
                    seen.append(str(error))

    with Supervisor.start([], strategy="one_for_one") as tree:
        tree.start_child(Curious)
        assert len(seen) == 3


def test_a_child_may_stop_its_supervisor_while_it_is_started() -> None:
    class Decided(Worker):
        def on_start(self) -> None:
            above: Any = self.context.supervisor
            above.stop()

    tree = Supervisor.start([], strategy="one_for_one")
    with pytest.raises((StartError, ActorDead)):
        tree.start_child(Decided)
    assert down(tree) == SHUTDOWN


def test_a_grandchild_that_calls_the_root_while_its_branch_is_started_gets_an_error() -> None:
    class Curious(Worker):
        roots: ClassVar[list[Any]]

        def on_start(self) -> None:
            self.roots[0].which_children()

    root: list[Any] = []
    with Supervisor.start([], strategy="one_for_one") as tree:
        root.append(tree)
        Curious.roots = root
        inner = ChildSpec.of(Supervisor, [Curious], strategy="one_for_one", id="inner")
        with pytest.raises(StartError):
            tree.start_child(inner)
        assert tree.which_children() == []


def test_a_grandchild_may_call_the_root_when_only_its_own_supervisor_waits_for_it() -> None:
    class Curious(Worker):
        roots: ClassVar[list[Any]]

        def on_start(self) -> None:
            self.seen = len(self.roots[0].which_children())

    root: list[Any] = []
    inner = ChildSpec.of(Supervisor, [], strategy="one_for_one", id="inner")
    with Supervisor.start([inner], strategy="one_for_one") as tree:
        root.append(tree)
        Curious.roots = root
        ref = tree.which_child("inner").ref.start_child(Curious).ref
        assert ref.ask(lambda actor: actor.seen) == 1


def test_a_child_that_waits_for_the_end_of_its_supervisor_gets_an_error() -> None:
    with Supervisor.start([Worker], strategy="one_for_one") as tree, pytest.raises(RuntimeError, match="waits for"):
        tree.which_child("Worker").ref.ask(lambda actor: actor.context.supervisor.wait())


def test_a_task_that_waits_for_its_own_result_gets_an_error() -> None:
    with TaskSupervisor.start() as tree:
        tasks: list[Any] = []
        go = Worker.start()

        def wait() -> None:
            go.ask("ping")
            tasks[0].result()

        go.ask(lambda actor: tasks.append(tree.run(wait)))
        with pytest.raises(RuntimeError, match="itself"):
            tasks[0].result(PATIENCE_S)
        go.stop()


def test_two_actors_of_one_thread_may_ask_each_other_by_turns() -> None:
    class Relay(ScheduledActor):
        def on_receive(self, message: Any) -> Any:
            return message[0].proxy().own_method().get() if isinstance(message, tuple) else message

        def own_method(self) -> str:
            return "answer"

    with Scheduler(1, blocked_after_s=30.0) as scheduler:
        one, other = Relay.start(scheduler), Relay.start(scheduler)
        assert one.ask((other,), timeout=PATIENCE_S) == "answer"
