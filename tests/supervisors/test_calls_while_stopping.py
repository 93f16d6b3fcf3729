"""An actor that stops fails what is asked of it at that moment: a child that calls its supervisor then costs no time.

Each tree here has children with an hour to stop in. A test that waited for that would not end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from supervisors import (
    SHUTDOWN,
    Actor,
    ActorDead,
    Backoff,
    ChildExited,
    ChildSpec,
    DynamicSupervisor,
    MailboxLimit,
    PartitionSupervisor,
    Scheduler,
    Stopping,
    Supervisor,
    abandoned_threads,
)
from tests.supervisors.scheduled.pupils import Pupil
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker, down

HOUR_S = 3600.0


def calls_its_supervisor(gate: Gate, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return work for a child: wait at ``gate``, then call its supervisor."""

    def work(actor: Actor) -> Any:
        gate.pass_through()
        return call(actor.context.supervisor)

    return work


CALLS: dict[str, Callable[[Any], Any]] = {
    "which_children": lambda above: above.which_children(),
    "start_child": lambda above: above.start_child(ChildSpec.of(Worker, id="late")),
    "snapshot": lambda above: above.snapshot(timeout=HOUR_S),
    "proxy": lambda above: above.proxy().incarnation.get(),
    "ask": lambda above: above.ask("anything"),
    "stop": lambda above: above.stop(),
}


def stop_while_children_work(tree: Any, refs: list[Any], call: Callable[[Any], Any]) -> None:
    """Have children of ``tree`` call it after it was told to stop, and wait for its end."""
    gates = [Gate() for _ in refs]
    for ref, gate in zip(refs, gates, strict=True):
        ref.tell(calls_its_supervisor(gate, call))
        assert gate.entered.wait(PATIENCE_S)
    stopped = tree.stop(block=False)
    with pytest.raises(ActorDead):
        while True:  # until the stop has been received
            tree.which_children()
    for gate in gates:
        gate.opened.set()
    assert stopped.get(timeout=PATIENCE_S)
    assert {down(ref) for ref in (tree, *refs)} == {SHUTDOWN}
    assert abandoned_threads() == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_child_that_calls_its_stopping_supervisor_ends_in_order_and_at_once(call: Callable[[Any], Any]) -> None:
    specs = [ChildSpec.of(Worker, id=id, shutdown=HOUR_S) for id in "abc"]
    tree = Supervisor.start(specs, strategy="one_for_one")
    stop_while_children_work(tree, [tree.which_child(id).ref for id in "abc"], call)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_so_do_the_children_of_a_dynamic_supervisor(call: Callable[[Any], Any]) -> None:
    tree = DynamicSupervisor.start()
    spec = ChildSpec.of(Worker, shutdown=HOUR_S)
    stop_while_children_work(tree, [tree.start_child(spec).ref for _ in range(5)], call)


def test_so_do_those_of_a_partition_supervisor_and_scheduled_ones() -> None:
    tree = PartitionSupervisor.start(ChildSpec.of(Worker, shutdown=HOUR_S), partitions=3)
    stop_while_children_work(tree, [tree.route(key) for key in range(3)], CALLS["which_children"])
    with Scheduler(2) as scheduler:
        specs = [ChildSpec.of(Pupil, scheduler, id=id, shutdown=HOUR_S) for id in "ab"]
        fixed = Supervisor.start(specs, strategy="one_for_one")
        stop_while_children_work(fixed, [fixed.which_child(id).ref for id in "ab"], CALLS["start_child"])


def test_a_grandchild_that_calls_the_stopping_root_costs_no_time_either() -> None:
    inner = ChildSpec.of(Supervisor, [ChildSpec.of(Worker, shutdown=HOUR_S)], strategy="one_for_one", id="inner")
    tree = Supervisor.start([inner], strategy="one_for_one")
    ref, gate = tree.which_child("inner").ref.which_child("Worker").ref, Gate()
    ref.tell(calls_its_supervisor(gate, lambda _above: tree.which_children()))
    assert gate.entered.wait(PATIENCE_S)
    stopped = tree.stop(block=False)
    gate.opened.set()
    assert stopped.get(timeout=PATIENCE_S)
    assert abandoned_threads() == []


def test_a_child_may_catch_the_error_and_go_on_to_its_end() -> None:
    caught: list[Exception] = []

    def call(above: Any) -> None:
        try:
            above.which_children()
        except ActorDead as error:
            caught.append(error)

    tree = Supervisor.start([ChildSpec.of(Worker, shutdown=HOUR_S)], strategy="one_for_one")
    stop_while_children_work(tree, [tree.which_child("Worker").ref], call)
    assert isinstance(caught[0], Stopping)
    assert "stopping" in str(caught[0])


@pytest.mark.parametrize("kind", [Worker, "scheduled"], ids=str)
def test_a_child_may_stop_its_own_supervisor(kind: Any) -> None:
    with Scheduler(1) as scheduler:
        spec = (
            ChildSpec.of(Worker, id="w", shutdown=HOUR_S)
            if kind is Worker
            else ChildSpec.of(Pupil, scheduler, id="w", shutdown=HOUR_S)
        )
        tree = Supervisor.start([spec], strategy="one_for_one")
        ref = tree.which_child("w").ref
        ref.tell(lambda actor: actor.context.supervisor.stop())
        assert (down(tree), down(ref)) == (SHUTDOWN, SHUTDOWN)
    assert abandoned_threads() == []


def test_a_grandchild_may_stop_the_root() -> None:
    inner = ChildSpec.of(Supervisor, [ChildSpec.of(Worker, shutdown=HOUR_S)], strategy="one_for_one", id="inner")
    tree = Supervisor.start([inner], strategy="one_for_one")
    ref = tree.which_child("inner").ref.which_child("Worker").ref
    ref.tell(lambda actor: tree.stop())
    assert down(tree) == down(ref) == SHUTDOWN


def test_a_child_that_calls_its_supervisor_while_that_stops_only_this_child_ends_at_once() -> None:
    with Supervisor.start([ChildSpec.of(Worker, shutdown=HOUR_S)], strategy="one_for_one") as tree:
        ref = tree.which_child("Worker").ref
        ref.tell(lambda actor: actor.context.supervisor.terminate_child("Worker"))
        assert down(ref) == SHUTDOWN
        assert tree.which_child("Worker").ref is None


def test_a_child_that_calls_its_supervisor_in_its_last_hook_gets_an_error_at_once() -> None:
    seen: list[Any] = []

    class Polite(Worker):
        def on_stop(self) -> None:
            above: Any = self.context.supervisor
            with pytest.raises(Stopping) as caught:
                above.which_children()
            seen.append(str(caught.value))

    with Supervisor.start([ChildSpec.of(Polite, shutdown=HOUR_S)], strategy="one_for_one") as tree:
        tree.terminate_child("Polite")
        tree.restart_child("Polite")
    assert ["waits for Polite 'Polite' to stop" in each or "is stopping" in each for each in seen] == [True, True]


def test_children_that_call_their_supervisor_while_it_restarts_them_all_end_at_once() -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Worker, id=id, shutdown=HOUR_S) for id in "abc"]
    with Supervisor.start(specs, strategy="one_for_all", hooks=[recorder]) as tree:
        gates = [Gate() for _ in range(2)]
        for id, gate in zip("ab", gates, strict=True):
            tree.which_child(id).ref.tell(calls_its_supervisor(gate, CALLS["which_children"]))
            assert gate.entered.wait(PATIENCE_S)
        tree.which_child("c").ref.tell("die")
        recorder.wait_count(ChildExited, 1)
        for gate in gates:
            gate.opened.set()
        for id in "abc":
            recorder.ready(id, 2)
    assert abandoned_threads() == []


def test_what_was_asked_before_the_stop_is_received_fails_when_it_is_received() -> None:
    """An actor that takes its time in its last hook answers nothing any more, and says so at once."""
    gate, busy = Gate(), Gate()

    class Slow(Worker):
        def on_stop(self) -> None:
            gate.pass_through()

    ref = Slow.start()
    ref.tell(busy)
    assert busy.entered.wait(PATIENCE_S)
    waiting = ref.ask("ping", block=False)
    ref.exit(SHUTDOWN)
    busy.opened.set()
    with pytest.raises(ActorDead):
        waiting.get(timeout=PATIENCE_S)
    assert gate.entered.wait(PATIENCE_S)
    with pytest.raises(ActorDead) as caught:
        ref.ask("ping", timeout=HOUR_S)
    assert caught.value.reason == SHUTDOWN
    with pytest.raises(ActorDead):
        ref.ask("ping", deadline_s=HOUR_S)
    with pytest.raises(ActorDead):
        ref.proxy().incarnation.get()
    assert ref.exit_reason is None
    gate.opened.set()
    assert down(ref) == SHUTDOWN


def test_what_was_told_before_the_stop_is_still_there_for_the_last_hook() -> None:
    kept: list[Any] = []
    gate, busy = Gate(), Gate()

    class Keeper(Worker):
        def on_stop(self) -> None:
            kept.extend(self.take_messages())
            gate.pass_through()
            kept.append(self.receive(int, timeout=PATIENCE_S))

    ref = Keeper.start()
    ref.tell(busy)
    assert busy.entered.wait(PATIENCE_S)
    ref.tell("one")
    asked = ref.ask("two", block=False)
    ref.tell("three")
    ref.exit(SHUTDOWN)
    busy.opened.set()
    with pytest.raises(ActorDead):
        asked.get(timeout=PATIENCE_S)
    assert gate.entered.wait(PATIENCE_S)
    ref.tell(4)
    gate.opened.set()
    down(ref)
    assert kept == ["one", "three", 4]


def test_a_sender_that_waits_for_room_is_let_go_when_the_actor_stops() -> None:
    gate, busy = Gate(), Gate()

    class Small(Worker):
        mailbox_limit = MailboxLimit(1)

        def on_stop(self) -> None:
            gate.pass_through()

    ref, sender = Small.start(), Worker.start()
    ref.tell(busy)
    assert busy.entered.wait(PATIENCE_S)
    ref.tell("fills the room")
    refused = sender.ask(lambda actor: ref.ask("no room"), block=False)
    ref.exit(SHUTDOWN)
    busy.opened.set()
    assert gate.entered.wait(PATIENCE_S)
    with pytest.raises(ActorDead):
        refused.get(timeout=PATIENCE_S)
    gate.opened.set()
    down(ref)


def test_a_call_of_a_supervisor_that_stops_between_two_attempts_fails_at_once() -> None:
    recorder = Recorder()
    spec = ChildSpec.of(Worker, id="w", shutdown=HOUR_S)
    tree = Supervisor.start([spec], strategy="one_for_one", backoff=Backoff(HOUR_S, HOUR_S), hooks=[recorder])
    tree.which_child("w").ref.tell("die")
    recorder.wait_count(ChildExited, 1)
    assert tree.stop()
    with pytest.raises(ActorDead):
        tree.which_children()
