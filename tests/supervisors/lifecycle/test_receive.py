from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest

from supervisors import KILLED, SHUTDOWN, MailboxLimit
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.launch import create, launch
from supervisors.testing import ManualClock
from tests.supervisors.stubs import PATIENCE_S, Worker, down


class Picky(Worker):
    """Told to `pick`, it waits for an integer; everything else it keeps in the order in which it came."""

    def __init__(self) -> None:
        super().__init__()
        self.picking = threading.Event()
        self.kept: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        match message:
            case ("pick", match, timeout):
                self.picking.set()
                return self.receive(match, timeout=timeout)
            case str() if message.startswith("keep"):
                self.kept.append(message)
                return list(self.kept)
        return super().on_receive(message)


class SmallPicky(Picky):
    mailbox_limit = MailboxLimit(10)


@pytest.fixture(params=[Picky, SmallPicky])
def picky(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_first_message_that_matches_is_returned_and_the_others_stay_in_order(picky: type[Picky]) -> None:
    ref = picky.start()
    answer = ref.ask(("pick", int, None), block=False)
    for message in ("keep 1", "keep 2", 7, 8, "keep 3"):
        ref.tell(message)
    assert answer.get(timeout=PATIENCE_S) == 7
    assert ref.ask("keep 4") == ["keep 1", "keep 2", "keep 3", "keep 4"]
    ref.stop()


def test_a_match_may_be_a_function(picky: type[Picky]) -> None:
    ref = picky.start()
    answer = ref.ask(("pick", lambda message: isinstance(message, int) and message > 5, None), block=False)
    for message in (1, 6, 2):
        ref.tell(message)
    assert answer.get(timeout=PATIENCE_S) == 6
    ref.stop()


def test_what_was_put_aside_before_is_looked_through_first(picky: type[Picky]) -> None:
    ref = picky.start()
    first = ref.ask(("pick", float, None), block=False)
    for message in (1, 2, 0.5):
        ref.tell(message)
    assert first.get(timeout=PATIENCE_S) == 0.5
    ref.stop()
    ref = picky.start()
    gate = threading.Event()

    def twice(actor: Any) -> list[Any]:
        gate.wait()
        return [actor.receive(float), actor.receive(int), actor.receive(int)]

    answer = ref.ask(twice, block=False)
    for message in (1, 2, 0.5):
        ref.tell(message)
    gate.set()
    assert answer.get(timeout=PATIENCE_S) == [0.5, 1, 2]
    ref.stop()


def test_what_was_asked_is_not_taken_but_answered_later(picky: type[Picky]) -> None:
    ref = picky.start()
    answer = ref.ask(("pick", lambda _: True, None), block=False)
    ref.actor_state.ready.wait()
    asked = ref.ask("ping", block=False)
    ref.tell("told")
    assert answer.get(timeout=PATIENCE_S) == "told"
    assert asked.get(timeout=PATIENCE_S) == 1
    ref.stop()


def test_a_timeout_is_measured_by_the_clock_of_the_actor(picky: type[Picky]) -> None:
    clock = ManualClock()
    ref = launch(create(picky, StartContext("p", clock=clock), (), {}))
    answer = ref.ask(("pick", int, 5), block=False)
    ref.tell("keep 1")
    clock.wait_for_waiters()
    clock.advance(5)
    with pytest.raises(pykka.Timeout):
        answer.get(timeout=PATIENCE_S)
    assert isinstance(down(ref).exception, pykka.Timeout)


def test_a_timeout_that_was_not_needed_leaves_nothing_behind(picky: type[Picky]) -> None:
    clock = ManualClock()
    ref = launch(create(picky, StartContext("p", clock=clock), (), {}))
    answer = ref.ask(("pick", int, 5), block=False)
    ref.tell(7)
    assert answer.get(timeout=PATIENCE_S) == 7
    clock.advance(100)
    assert ref.ask("keep 1") == ["keep 1"]
    ref.stop()


@pytest.mark.parametrize("reason", [SHUTDOWN, KILLED], ids=str)
def test_an_actor_that_waits_for_a_message_can_be_stopped(picky: type[Picky], reason: Any) -> None:
    ref = picky.start()
    answer = ref.ask(("pick", int, None), block=False)
    waiting = ref.ask("keep 1", block=False)
    ref.tell("keep 2")
    ref.exit(reason)
    assert down(ref) == reason
    for future in (answer, waiting):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=PATIENCE_S)
