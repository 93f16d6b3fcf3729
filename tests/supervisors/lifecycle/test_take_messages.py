from __future__ import annotations

from queue import SimpleQueue
from typing import Any

import pytest

from supervisors import SHUTDOWN, Actor, ActorDead, Down, MailboxLimit
from tests.supervisors.stubs import PATIENCE_S, Gate, Worker, down


class Thorough(Worker):
    """Passes on, when it stops, what still waits."""

    left: SimpleQueue[list[Any]]

    def on_stop(self) -> None:
        self.left.put(self.take_messages())


class BoundedThorough(Thorough):
    mailbox_limit = MailboxLimit(10)


@pytest.mark.parametrize("actor_class", [Thorough, BoundedThorough])
def test_a_stop_overtakes_messages_and_on_stop_may_take_those_that_were_told(actor_class: type[Thorough]) -> None:
    actor_class.left = SimpleQueue()
    ref, gate = actor_class.start(), Gate()
    ref.tell(gate)
    assert gate.entered.wait(PATIENCE_S)
    ref.tell(1)
    question = ref.ask("ping", block=False)
    ref.tell(2)
    ref.exit(SHUTDOWN)
    gate.opened.set()
    assert down(ref) == SHUTDOWN
    assert actor_class.left.get(timeout=PATIENCE_S) == [1, 2]
    with pytest.raises(ActorDead):
        question.get(timeout=PATIENCE_S)
    assert ref.dead_letters == 1  # the question


def test_messages_of_the_system_are_not_taken() -> None:
    taken: list[Any] = []

    class Watcher(Actor):
        def on_receive(self, message: Any) -> None:
            if message == "take":
                taken.extend(self.take_messages())
            elif message == "watch":
                self.actor_ref.tell("take")
                self.monitor(dead)
                self.actor_ref.tell("told")
            elif isinstance(message, Down):
                heard.put(message)

    heard: SimpleQueue[Down] = SimpleQueue()
    dead = Worker.start()
    dead.stop()
    ref = Watcher.start()
    ref.tell("watch")
    assert heard.get(timeout=PATIENCE_S).ref is dead
    ref.stop()
    assert taken == ["told"]
