"""Children that do not stop when they are asked to."""

from __future__ import annotations

import threading
from typing import Any

from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker


class Busy:
    """A handler that loops in Python: an asynchronous exception reaches it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.left_by: BaseException | None = None

    def __call__(self, _actor: Worker) -> None:
        try:
            self.entered.set()
            while True:
                pass
        except BaseException as error:
            self.left_by = error
            raise


class Polite:
    """A handler that loops and looks at its cancel token."""

    def __init__(self) -> None:
        self.entered = threading.Event()

    def __call__(self, actor: Worker) -> None:
        self.entered.set()
        actor.cancelled.wait()


def stuck_at(gate: Gate, ref: Any) -> None:
    """Make an actor wait inside C code, where nothing reaches it."""
    ref.tell(gate)
    assert gate.entered.wait(PATIENCE_S)


def open_and_end(gate: Gate, ref: Any) -> None:
    """Let an abandoned thread go, and wait for its end."""
    gate.opened.set()
    ref.actor_state.thread.join(PATIENCE_S)


def kinds(recorder: Recorder, id: str) -> list[str]:
    return [type(event).__name__ for event in recorder.events if event.id == id]
