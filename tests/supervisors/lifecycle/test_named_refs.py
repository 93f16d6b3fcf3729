"""By its name an actor can be asked, told, waited for and called across its restarts, and nothing is handled twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from supervisors import (
    ActorDead,
    BadSpec,
    ChildSpec,
    NamedRef,
    NotFound,
    Registry,
    Stopping,
    Supervisor,
    SupervisorRef,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Worker, down


class Counter(Worker):
    """Counts what it handles, in a list that outlives it."""

    def __init__(self, handled: list[Any]) -> None:
        super().__init__()
        self.handled = handled
        self.total = 0

    def on_receive(self, message: Any) -> Any:
        self.handled.append(message)
        return super().on_receive(message)

    def add(self, number: int) -> tuple[int, int]:
        self.total += number
        return self.total, self.incarnation


@pytest.fixture
def handled() -> list[Any]:
    return []


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def tree(registry: Registry, handled: list[Any]) -> Iterator[SupervisorRef]:
    children = [ChildSpec.of(Counter, handled, id="c", name="counter")]
    with Supervisor.start(children, strategy="one_for_one", registry=registry, max_restarts=1000) as tree:
        yield tree


@pytest.fixture
def named(registry: Registry, tree: SupervisorRef) -> NamedRef:
    return registry.ref("counter", patience=PATIENCE_S)


def test_a_name_is_asked_across_restarts(named: NamedRef) -> None:
    for incarnation in range(1, 20):
        assert named.ask("ping") == incarnation
        with pytest.raises(Died):
            named.ask("die")


def test_what_the_actor_had_not_begun_with_is_asked_of_its_successor(named: NamedRef, handled: list[Any]) -> None:
    gate = Gate()
    named.tell(gate)
    assert gate.entered.wait(PATIENCE_S)
    first = named.resolve()
    asked: list[Any] = []
    asking = threading.Thread(target=lambda: asked.append(named.ask("ping")))
    first.tell("die")
    asking.start()
    while first.actor_state.mailbox.depth() < 2:
        pass
    gate.opened.set()
    asking.join()
    assert asked == [2]
    assert handled.count("ping") == 1


def test_what_the_actor_had_begun_with_is_not_asked_twice(named: NamedRef, handled: list[Any]) -> None:
    with pytest.raises(Died):
        named.ask("die")
    gate = Gate()
    outcome: list[ActorDead] = []

    def ask() -> None:
        try:
            named.ask(gate)
        except ActorDead as dead:
            outcome.append(dead)

    asking = threading.Thread(target=ask)
    asking.start()
    assert gate.entered.wait(PATIENCE_S)
    named.resolve().actor_state.request_kill()
    gate.opened.set()
    asking.join()
    assert outcome[0].begun
    assert handled.count(gate) == 1


def test_under_a_storm_of_crashes_every_question_is_handled_once_or_fails(named: NamedRef, handled: list[Any]) -> None:
    failed = []

    def crash() -> None:
        for _ in range(50):
            named.tell("die")

    def ask(number: int) -> None:
        for each in range(50):
            try:
                named.ask((number, each))
            except (Died, ActorDead):
                failed.append((number, each))

    threads = [threading.Thread(target=crash), *(threading.Thread(target=ask, args=(number,)) for number in range(4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    questions = [message for message in handled if isinstance(message, tuple)]
    assert len(questions) == len(set(questions))
    assert set(questions) | set(failed) == {(number, each) for number in range(4) for each in range(50)}


def test_without_an_actor_of_the_name_a_call_says_so_in_time(registry: Registry) -> None:
    nobody = registry.ref("nobody", patience=0.0)
    for call in (nobody.resolve, lambda: nobody.ask(1), lambda: nobody.tell(1), lambda: nobody.proxy().add):
        with pytest.raises(NotFound, match="expected an actor of the name 'nobody', there was none in time"):
            call()
    patient = registry.ref("nobody", patience=None)
    with pytest.raises(NotFound):
        patient.ask(1, timeout=0.01)
    with pytest.raises(NotFound):
        patient.resolve(0.01)
    assert not nobody.is_alive()


def test_a_name_can_be_waited_for(registry: Registry) -> None:
    named = registry.ref("late", patience=None)
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(named.resolve()))
    waiting.start()
    other, late = Worker.start(), Worker.start()
    registry.register("other", other)
    registry.register("late", late)
    waiting.join()
    assert found == [late]
    other.stop(), late.stop()


def test_a_slow_answer_is_a_timeout_and_not_asked_again(named: NamedRef, handled: list[Any]) -> None:
    gate = Gate()
    with pytest.raises(pykka.Timeout):
        named.ask(gate, timeout=0.01)
    gate.opened.set()
    assert named.ask("ping") == 1
    assert handled.count(gate) == 1


def test_a_proxy_by_name_reaches_the_successor(named: NamedRef) -> None:
    proxy = named.proxy()
    assert proxy.add(2).get() == (2, 1)
    assert proxy.total.get() == 2
    with pytest.raises(Died):
        named.ask("die")
    assert proxy.add(3).get() == (3, 2)
    proxy.total = 7
    assert proxy.total.get() == 7
    assert "counter" in repr(proxy)


def test_a_child_that_waits_for_a_name_does_not_hold_its_stop_up(registry: Registry) -> None:
    entered = threading.Event()
    outcome: list[BaseException] = []

    class Waiting(Worker):
        def on_receive(self, message: Any) -> Any:
            entered.set()
            try:
                registry.ref("nobody", patience=None).ask(1)
            except Stopping as stopping:
                outcome.append(stopping)

    tree = Supervisor.start([ChildSpec.of(Waiting, shutdown="infinity", id="w")], strategy="one_for_one")
    ref = tree.which_child("w").ref
    ref.tell("wait")
    assert entered.wait(PATIENCE_S)
    tree.stop()
    assert len(outcome) == 1
    down(ref)


def test_whereis_and_which_child_can_name_the_class(registry: Registry, tree: SupervisorRef) -> None:
    ref = registry.whereis("counter", Counter)
    assert ref is tree.which_child("c", Counter).ref
    with pytest.raises(BadSpec, match="expected the reference of a Gate, got"):
        registry.whereis("counter", Gate)  # type: ignore[type-var]  # what is tested
    assert registry.whereis("nobody", Counter) is None


def test_a_name_is_asked_in_a_coroutine_across_restarts(named: NamedRef) -> None:
    async def ask_all() -> list[int]:
        answers = []
        for _ in range(5):
            answers.append(await named.ask_async("ping"))
            with pytest.raises(Died):
                await named.ask_async("die", timeout=PATIENCE_S)
        return answers

    assert asyncio.run(ask_all()) == [1, 2, 3, 4, 5]


def test_a_coroutine_waits_for_a_name(registry: Registry) -> None:
    named = registry.ref("late", patience=None)
    late = Worker.start()

    async def wait() -> Any:
        asking = asyncio.create_task(named.ask_async("ping"))
        await asyncio.sleep(0)
        registry.register("late", late)
        return await asking

    assert asyncio.run(wait()) == 1
    late.stop()

    async def wait_in_vain() -> None:
        with pytest.raises(NotFound):
            await named.ask_async("ping", timeout=0.01)

    asyncio.run(wait_in_vain())


@pytest.mark.parametrize("patience", [-1, "soon", float("nan"), 10**400])
def test_a_patience_that_is_no_time_is_refused(registry: Registry, patience: Any) -> None:
    with pytest.raises(BadSpec, match="expected `patience`"):
        registry.ref("counter", patience=patience)
