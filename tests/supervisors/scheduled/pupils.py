"""Actors on a scheduler that do what they are told."""

from __future__ import annotations

import threading
from typing import Any

from supervisors import (
    Ref,
    ScheduledActor,
    Scheduler,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Gate


class Log(list[int]):
    """What was done, in order; can be waited at."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def append(self, item: int) -> None:
        with self._changed:
            super().append(item)
            self._changed.notify_all()

    def wait(self, count: int) -> list[int]:
        """Wait until so much was done, and return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self) >= count, PATIENCE_S), self
        return list(self)


class Pupil(ScheduledActor):
    """Does what it is told: answers, dies, waits at a gate, calls a function, notes down work of a given urgency."""

    kill_grace_s = 0.05

    def __init__(self, scheduler: Scheduler, log: Log | None = None) -> None:
        super().__init__(scheduler)
        self.log = Log() if log is None else log
        self.work: list[int] = []

    def on_receive(self, message: Any) -> Any:
        match message:
            case int():
                self.work.append(message)
            case "die":
                raise Died("told to")
            case Gate():
                message.pass_through()
            case _ if callable(message):
                return message(self)
        return message

    def urgency(self) -> int | None:
        return min(self.work, default=None)

    def on_turn(self) -> None:
        self.work.remove(min_work := min(self.work))
        self.log.append(min_work)


def held(scheduler: Scheduler) -> tuple[Ref[Pupil], Gate]:
    """Return an actor that occupies a thread, and the gate that lets it go on."""
    ref, gate = Pupil.start(scheduler), Gate()
    ref.tell(gate)
    assert gate.entered.wait(PATIENCE_S)
    return ref, gate


def child(tree: Any, id: str) -> Ref[Any]:
    found: Ref[Any] = next(each.ref for each in tree.which_children() if each.id == id)
    return found
