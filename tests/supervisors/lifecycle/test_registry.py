from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from supervisors import (
    ActorDead,
    AlreadyStarted,
    BadSpec,
    ChildSpec,
    Down,
    NotSupported,
    Ref,
    Registry,
    Strategy,
    Supervisor,
)
from supervisors.lifecycle.registry import Keys, Registered, Registration, Unregistered
from supervisors.rules.reasons import KILLED, SHUTDOWN
from supervisors.testing import ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Recorder, Worker, down, tell_and_see_die


class Looker(Worker):
    """Notes what a registry says of a name when it sees the `Down` of its owner."""

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self.registry = registry
        self.seen: list[Any] = []
        self.looked = threading.Event()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Down):
            self.seen.append(self.registry.whereis("name"))
            self.looked.set()
            return None
        return super().on_receive(message)


ENDS: list[Callable[[Ref[Any]], Any]] = [
    lambda ref: ref.stop(),
    lambda ref: tell_and_see_die(ref),
    lambda ref: ref.exit(KILLED),
    lambda ref: ref.exit(SHUTDOWN),
]


@pytest.mark.parametrize("end", ENDS, ids=["stop", "crash", "kill", "exit"])
def test_case_x1_a_name_is_free_before_the_end_of_its_owner_is_seen(end: Callable[[Ref[Any]], Any]) -> None:
    registry = Registry()
    looker = Looker.start(registry)
    actor: Looker = looker.ask(lambda actor: actor)
    owner = Worker.start()
    registry.register("name", owner)
    looker.ask(lambda actor: actor.monitor(owner))
    end(owner)
    assert actor.looked.wait(PATIENCE_S)
    assert actor.seen == [None]
    looker.stop()


def test_case_x1_a_name_is_free_when_a_failed_ask_comes_back() -> None:
    registry = Registry()
    owner = Worker.start()
    registry.register("name", owner)
    with pytest.raises(Exception, match="told to"):
        owner.ask("die")
    assert registry.whereis("name") is None
    down(owner)


def test_a_name_stands_for_one_actor() -> None:
    registry = Registry()
    one, other = Worker.start(), Worker.start()
    registry.register("name", one, value=7)
    assert registry.whereis("name") is one
    assert registry.lookup("name") == Registration(one, 1, 7)
    with pytest.raises(AlreadyStarted, match="expected the name 'name' to be free") as caught:
        registry.register("name", other)
    assert caught.value.ref is one
    one.stop()
    registry.register("name", other)
    assert registry.whereis("name") is other
    other.stop()


def test_a_dead_actor_cannot_be_registered() -> None:
    registry = Registry()
    ref = Worker.start()
    ref.stop()
    with pytest.raises(ActorDead, match="to register as 'name'"):
        registry.register("name", ref)
    assert registry.names() == []
    assert registry.keys_of(ref) == []


def test_an_actor_may_have_several_names_and_loses_all_at_its_end() -> None:
    registry = Registry()
    ref = Worker.start()
    for name in ("a", 2, ("c", 3)):
        registry.register(name, ref)
    assert registry.keys_of(ref) == ["a", 2, ("c", 3)]
    registry.unregister(2)
    assert registry.names() == ["a", ("c", 3)]
    ref.stop()
    assert (registry.names(), registry.count(), registry.keys_of(ref)) == ([], 0, [])


def test_unregistering_what_is_free_or_belongs_to_another_changes_nothing() -> None:
    registry = Registry()
    one, other = Worker.start(), Worker.start()
    registry.register("name", one)
    registry.unregister("nobody")
    registry.unregister("name", other)
    assert registry.whereis("name") is one
    registry.unregister("name", one)
    assert registry.whereis("name") is None
    one.stop()
    other.stop()


def test_a_name_follows_a_child_through_its_restarts() -> None:
    registry, recorder = Registry(), Recorder()
    spec = ChildSpec.of(Worker, id="w", name="worker")
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE, registry=registry, hooks=[recorder]):
        for incarnation in (1, 2, 3):
            recorder.ready("w", incarnation)
            entry = registry.lookup("worker")
            assert entry is not None
            assert (entry.incarnation, entry.ref.ask("ping")) == (incarnation, incarnation)
            entry.ref.tell("die")
    assert registry.names() == []


def test_a_name_follows_a_child_of_another_host_too() -> None:
    registry, recorder, start = Registry(), Recorder(), ScriptedStart()
    with Supervisor.start(
        [ChildSpec("w", start, name="worker")], strategy="one_for_one", registry=registry, hooks=[recorder]
    ):
        start.child.crash()
        recorder.ready("w", 2)
        assert registry.lookup("worker") == Registration(start.child, 2)
    assert registry.names() == []
    assert registry.keys_of(start.child) == []


def test_duplicate_keys_have_any_number_of_holders() -> None:
    registry = Registry("duplicate")
    refs = [Worker.start() for _ in range(3)]
    for number, ref in enumerate(refs):
        registry.register("topic", ref, value=number)
    registry.register("topic", refs[0], value="again")
    assert [entry.value for entry in registry.lookup_all("topic")] == [0, 1, 2, "again"]
    assert registry.values("topic", refs[0]) == [0, "again"]
    assert registry.whereis("topic") is refs[0]
    assert registry.count() == 4
    refs[0].stop()
    assert [entry.ref for entry in registry.lookup_all("topic")] == refs[1:]
    assert registry.whereis("topic") is refs[1]
    refs[1].stop()
    refs[2].stop()
    assert registry.lookup("topic") is None


def test_dispatch_tells_every_actor_registered_under_a_key() -> None:
    registry = Registry(Keys.DUPLICATE)
    got: list[Any] = []
    refs = [Worker.start() for _ in range(3)]
    for ref in refs:
        registry.register("topic", ref)
    assert registry.dispatch("topic", lambda actor: got.append(actor.actor_ref)) == 3
    assert registry.dispatch("nothing", "ping") == 0
    for ref in refs:
        ref.stop()
    assert sorted(got, key=id) == sorted(refs, key=id)


def test_values_are_updated_in_place_for_unique_keys_only() -> None:
    registry = Registry()
    ref, other = Worker.start(), Worker.start()
    registry.register("counter", ref, value=1)
    assert registry.update_value("counter", ref, lambda value: value + 1) == 2
    assert registry.values("counter", ref) == [2]
    with pytest.raises(KeyError):
        registry.update_value("counter", other, lambda value: value)
    with pytest.raises(NotSupported):
        Registry("duplicate").update_value("counter", ref, lambda value: value)
    ref.stop()
    other.stop()


def test_entries_can_be_selected_and_removed_by_what_they_hold() -> None:
    registry = Registry("duplicate")
    ref = Worker.start()
    for number in range(4):
        registry.register(number % 2, ref, value=number)
    assert [(key, entry.value) for key, entry in registry.select(lambda key, entry: entry.value > 1)] == [
        (0, 2),
        (1, 3),
    ]
    registry.unregister_match(0, lambda entry: entry.value == 2)
    assert registry.values(0, ref) == [0]
    assert sorted(registry.keys_of(ref), key=str) == [0, 1, 1]
    ref.stop()


def test_listeners_are_called_with_every_change_in_order() -> None:
    heard: list[Any] = []
    registry = Registry(listeners=[heard.append])
    ref = Worker.start()
    registry.register("a", ref, value=1)
    registry.register("b", ref)
    registry.unregister("a")
    ref.stop()
    a, b = Registration(ref, 1, 1), Registration(ref, 1)
    assert heard == [Registered("a", a), Registered("b", b), Unregistered("a", a), Unregistered("b", b)]


def test_a_listener_that_raises_is_logged_and_removed(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    def bad(event: Any) -> None:
        heard.append(event)
        raise ValueError("not mine")

    registry = Registry()
    registry.add_listener(bad)
    registry.add_listener(heard.append)
    ref = Worker.start()
    registry.register("a", ref)
    registry.register("b", ref)
    assert len(heard) == 3
    assert "a listener raised" in caplog.text
    ref.stop()


def test_registering_and_looking_up_from_many_threads_loses_nothing() -> None:
    registry = Registry()
    refs = [Worker.start() for _ in range(4)]
    begin = threading.Barrier(len(refs))

    def work(number: int) -> None:
        begin.wait()
        for name in range(200):
            registry.register((number, name), refs[number])
            assert registry.whereis((number, name)) is refs[number]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(refs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.count() == 800
    for ref in refs:
        ref.stop()
    assert registry.count() == 0


def test_an_unknown_kind_of_keys_is_refused() -> None:
    with pytest.raises(BadSpec, match="expected `keys` to be one of 'unique', 'duplicate'"):
        Registry("some")  # type: ignore[arg-type]  # what is tested
