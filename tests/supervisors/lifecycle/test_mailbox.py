from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest

from supervisors import (
    KILLED,
    SHUTDOWN,
    ActorDead,
    BadSpec,
    ChildSpec,
    DeadLetter,
    Down,
    MailboxDepth,
    MailboxFull,
    MailboxLimit,
    Overflow,
    Ref,
    Strategy,
    Supervisor,
)
from supervisors.testing import ManualClock
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker, down


class Blocking(Worker):
    mailbox_limit = MailboxLimit(2, Overflow.BLOCK)


class Failing(Worker):
    mailbox_limit = MailboxLimit(2, Overflow.FAIL)


class Dropping(Worker):
    mailbox_limit = MailboxLimit(2, Overflow.DROP)


BOUNDED = [Blocking, Failing, Dropping]


def filled(actor_class: type[Worker]) -> tuple[Ref[Any], Gate, list[int]]:
    """Return an actor held up at a gate with a full mailbox, and where it notes what it handles."""
    handled: list[int] = []
    ref, gate = actor_class.start(), Gate()
    ref.tell(gate)
    assert gate.entered.wait(PATIENCE_S)
    for number in range(2):
        ref.tell(lambda _, number=number: handled.append(number))
    return ref, gate, handled


def test_a_mailbox_has_no_bound_unless_it_is_given_one() -> None:
    ref, gate = Worker.start(), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    for _ in range(10_000):
        ref.tell("ping")
    assert ref.actor_state.mailbox.depth() == 10_000
    gate.opened.set()
    ref.stop()


def test_block_makes_the_sender_wait_until_there_is_room() -> None:
    ref, gate, handled = filled(Blocking)
    sender = threading.Thread(target=ref.tell, args=(lambda _: handled.append(2),))
    sender.start()
    sender.join(0.05)
    assert sender.is_alive()
    gate.opened.set()
    sender.join(PATIENCE_S)
    ref.stop()
    assert handled == [0, 1, 2]


def test_block_lets_an_ask_wait_for_room_no_longer_than_its_timeout() -> None:
    ref, gate, _ = filled(Blocking)
    with pytest.raises(MailboxFull):
        ref.ask("ping", timeout=0.01)
    gate.opened.set()
    ref.stop()


@pytest.mark.parametrize("end", ["stop", "kill", "abandon"])
def test_senders_that_wait_for_room_are_released_when_the_actor_ends(end: str) -> None:
    ref, gate, _ = filled(Blocking)
    outcomes: list[Any] = []

    def asker() -> None:
        try:
            outcomes.append(ref.ask("ping"))
        except ActorDead as error:
            outcomes.append(error)

    senders = [threading.Thread(target=asker) for _ in range(5)]
    for sender in senders:
        sender.start()
    if end == "abandon":
        ref.actor_state.abandon()
    else:
        ref.exit(KILLED if end == "kill" else SHUTDOWN)
        gate.opened.set()
    for sender in senders:
        sender.join(PATIENCE_S)
    assert not any(sender.is_alive() for sender in senders)
    assert [isinstance(outcome, ActorDead) for outcome in outcomes] == [True] * 5
    gate.opened.set()


def test_fail_raises_where_the_message_was_told() -> None:
    ref, gate, handled = filled(Failing)
    with pytest.raises(MailboxFull, match="its limit of 2 is reached"):
        ref.tell("ping")
    with pytest.raises(MailboxFull):
        ref.ask("ping")
    gate.opened.set()
    ref.stop()
    assert handled == [0, 1]


def test_drop_makes_it_a_dead_letter_and_an_ask_an_error() -> None:
    ref, gate, handled = filled(Dropping)
    ref.tell("ping")
    with pytest.raises(MailboxFull):
        ref.ask("ping")
    assert ref.dead_letters == 2
    gate.opened.set()
    ref.stop()
    assert handled == [0, 1]


@pytest.mark.parametrize("actor_class", BOUNDED)
def test_there_is_room_again_after_a_message_was_handled(actor_class: type[Worker]) -> None:
    ref, gate, handled = filled(actor_class)
    gate.opened.set()
    while len(handled) < 2:
        ref.wait(0.001)
    assert ref.ask("ping") == 1
    ref.stop()


@pytest.mark.parametrize("actor_class", BOUNDED)
def test_messages_of_the_system_get_through_a_full_mailbox(actor_class: type[Worker]) -> None:
    seen: list[Any] = []

    class Watching(actor_class):  # type: ignore[misc, valid-type]  # a class that is a variable
        def on_receive(self, message: Any) -> Any:
            if isinstance(message, Down):
                seen.append(message.reason)
                return None
            return super().on_receive(message)

    watched = Worker.start()
    ref, gate = Watching.start(), Gate()
    ref.ask(lambda actor: actor.monitor(watched))
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    for _ in range(2):
        ref.tell("ping")
    watched.tell(SHUTDOWN)
    down(watched)
    ref.exit(SHUTDOWN)
    gate.opened.set()
    assert down(ref) == SHUTDOWN
    assert ref.dead_letters == 2


@pytest.mark.parametrize("actor_class", BOUNDED)
def test_what_an_actor_tells_itself_gets_through_its_own_full_mailbox(actor_class: type[Worker]) -> None:
    handled: list[int] = []
    ref = actor_class.start()

    def fill(actor: Worker) -> None:
        for number in range(5):
            actor.actor_ref.tell(lambda _, number=number: handled.append(number))

    ref.ask(fill)
    while len(handled) < 5:
        ref.wait(0.001)
    assert handled == [0, 1, 2, 3, 4]
    ref.stop()


def test_a_stopped_child_with_a_full_mailbox_stops_in_time() -> None:
    tree = Supervisor.start([ChildSpec.of(Blocking, id="w")], strategy=Strategy.ONE_FOR_ONE)
    ref, gate = tree.which_child("w").ref, Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    for _ in range(2):
        ref.tell("ping")
    stopping = tree.stop(block=False)
    gate.opened.set()
    stopping.get(timeout=PATIENCE_S)
    assert down(ref) == SHUTDOWN


@pytest.mark.parametrize(
    ("size", "overflow"), [(0, "block"), (-1, "block"), (1.5, "block"), (True, "block"), (1, "wait")]
)
def test_nonsense_is_refused(size: Any, overflow: Any) -> None:
    with pytest.raises(BadSpec, match="expected"):
        MailboxLimit(size, overflow)


def test_dead_letters_are_counted_and_told_to_the_hooks() -> None:
    recorder = Recorder()
    with Supervisor.start([ChildSpec.of(Worker, id="w")], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        ref = tree.which_child("w").ref
        ref.stop()
        ref.tell("too late")
        with pytest.raises(ActorDead):
            ref.ask("too late as well")
        letters = [event for event in recorder.events if isinstance(event, DeadLetter)]
    assert [(event.id, event.incarnation, event.message) for event in letters] == [
        ("w", 1, "too late"),
        ("w", 1, "too late as well"),
    ]
    assert letters[0].supervisor == "supervisor"
    assert ref.dead_letters == 2


def test_messages_that_wait_when_an_actor_crashes_are_dead_letters() -> None:
    ref, gate = Worker.start(), Gate()
    ref.tell(gate)
    ref.tell("die")
    waiting = [ref.ask("ping", block=False) for _ in range(3)]
    gate.opened.set()
    down(ref)
    for future in waiting:
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=PATIENCE_S)
    assert ref.dead_letters == 3


def test_the_depth_of_mailboxes_is_told_to_the_hooks_as_often_as_was_asked_for() -> None:
    clock, recorder, gate = ManualClock(), Recorder(), Gate()
    tree = Supervisor.start(
        [ChildSpec.of(Supervisor, [ChildSpec.of(Worker, id="w")], strategy="one_for_one", id="inner")],
        strategy=Strategy.ONE_FOR_ONE,
        hooks=[recorder],
        clock=clock,
        mailbox_sample_s=10,
    )
    ref = tree.which_child("inner").ref.which_child("w").ref
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    for _ in range(3):
        ref.tell("ping")
    assert recorder.of(MailboxDepth) == []
    clock.wait_for_waiters()
    clock.advance(10)
    recorder.wait_count(MailboxDepth, 1, "w")
    [event] = recorder.of(MailboxDepth, "w")
    assert isinstance(event, MailboxDepth)
    assert (event.depth, event.supervisor) == (3, "supervisor/inner")
    gate.opened.set()
    tree.stop()
