from __future__ import annotations

import traceback

import pykka
import pytest

from supervisors import (
    KILLED,
    SHUTDOWN,
    Actor,
    ActorDead,
    DeadlineExceeded,
    Down,
    Exit,
    Ignore,
    MailboxFull,
    StartError,
)
from tests.supervisors.memory.traced import (
    BORN,
    Broken,
    Carrier,
    Failing,
    Parcel,
    Small,
    Traced,
    Unwilling,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, down, tell_and_see_die


def test_an_actor_stops() -> None:
    Traced.start().stop()


def test_an_actor_crashes_at_a_message() -> None:
    ref = Traced.start()
    tell_and_see_die(ref)
    assert ref.exit_reason is not None


def test_an_actor_crashes_at_a_question() -> None:
    with pytest.raises(Died):
        Traced.start().ask("die")


def test_an_actor_is_killed() -> None:
    ref, gate = Traced.start(), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    ref.exit(KILLED)
    gate.opened.set()
    assert down(ref) == KILLED


def test_an_actor_does_not_start() -> None:
    with pytest.raises(StartError):
        Failing.start()
    with pytest.raises(StartError):
        Broken.start()
    with pytest.raises(Ignore):
        Unwilling.start()


def test_a_question_to_a_dead_actor_fails() -> None:
    ref = Traced.start()
    assert ref.stop()
    with pytest.raises(ActorDead):
        ref.ask("ping")
    ref.tell("ping")
    assert not ref.stop()
    assert ref.stop(block=False).get(timeout=PATIENCE_S) is False


def test_messages_and_questions_are_left_in_the_mailbox() -> None:
    ref, gate = Traced.start(), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    ref.tell(lambda actor: ref)
    asked = [ref.ask("ping", block=False)]
    ref.exit(SHUTDOWN)
    gate.opened.set()
    with pytest.raises(ActorDead):
        asked.pop().get(timeout=PATIENCE_S)  # a variable of this function that held the failed future would be a cycle
    down(ref)


def test_a_bounded_mailbox_is_full() -> None:
    ref, gate = Small.start(), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    ref.tell("ping")
    with pytest.raises(MailboxFull):
        ref.ask("ping")
    gate.opened.set()
    ref.stop()


def test_a_proxy_is_used() -> None:
    ref = Traced.start()
    assert ref.proxy().incarnation.get(timeout=PATIENCE_S) == 1
    ref.stop()


def test_a_question_is_too_slow() -> None:
    ref, gate = Traced.start(), Gate()
    ref.tell(gate)
    with pytest.raises(pykka.Timeout):
        ref.ask("ping", timeout=0.001)
    with pytest.raises(DeadlineExceeded):
        ref.ask("ping", deadline_s=0.001)
    gate.opened.set()
    ref.stop()


def test_timers_are_due_after_the_end() -> None:
    ref = Traced.start()
    ref.ask(lambda actor: setattr(actor, "timer", actor.send_after(3600, actor.actor_ref)))
    assert ref.ask("ping", deadline_s=3600) == 1
    ref.stop()


def test_a_hook_waits_for_a_message_that_does_not_come() -> None:
    def wait(actor: Actor) -> None:
        with pytest.raises(pykka.Timeout):
            actor.receive(str, timeout=0.001)

    ref = Traced.start()
    ref.ask(wait)
    ref.stop()


# Links and monitors


def test_linked_actors_end_together() -> None:
    one, other = Traced.start(), Traced.start()
    one.ask(lambda actor: actor.link(other))
    one.ask(lambda actor: setattr(actor, "other", other))
    other.ask(lambda actor: setattr(actor, "other", one))
    tell_and_see_die(one)
    down(other)


def test_linked_actors_end_at_the_same_time() -> None:
    one, other, gates = Traced.start(), Traced.start(), (Gate(), Gate())
    one.ask(lambda actor: actor.link(other))
    for ref, gate in zip((one, other), gates, strict=True):
        ref.tell(gate)
        gate.entered.wait(PATIENCE_S)
        ref.exit(KILLED)
    for gate in gates:
        gate.opened.set()
    down(one), down(other)


def test_an_exit_signal_comes_too_late() -> None:
    one, other = Traced.start(), Traced.start()
    one.stop()
    one.exit(SHUTDOWN)

    def link(actor: Actor) -> None:
        actor.trap_exit = True
        actor.link(one)
        actor.receive(Exit)

    other.ask(link)
    other.stop()


def test_monitors_are_notified_or_forgotten() -> None:
    one, other, third = Traced.start(), Traced.start(), Traced.start()
    third.ask(lambda actor: actor.demonitor(one, actor.monitor(one)))
    heard = other.ask(lambda actor: (actor.monitor(one), actor.receive(Down))[1], block=False)
    tell_and_see_die(one)
    assert heard.get(timeout=PATIENCE_S).ref is one
    other.ask(lambda actor: actor.monitor(one) and None)
    other.stop()
    third.stop()


# Supervisors


def test_a_reason_keeps_neither_its_actor_nor_the_work_of_that_and_still_prints_its_traceback() -> None:
    ref = Carrier.start()
    reason = tell_and_see_die(ref)
    assert [name for name, thing in BORN if isinstance(thing(), Carrier | Parcel)] == []
    assert reason.exc_info is not None
    assert traceback.extract_tb(reason.exc_info[2])[-1].line == 'raise Died(f"of {parcel}")'
