"""One thread of a scheduler, what it runs, and how code that it runs announces a wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Protocol, TypeAlias

from supervisors.threads.occupied import OccupiedThread

Urgency: TypeAlias = tuple[Any, ...]
"""The place of something in the run queue: the smallest runs first."""

MAIL: Urgency = (0,)
"""The urgency of what has a message waiting: how urgent its work is will only be known when it has been received."""


class RunState(Enum):
    """Where something runnable is; changed under the scheduler's lock, but for ENDED."""

    IDLE = "idle"
    """It has nothing to do, and is in no queue."""

    HAS_MAIL = "has mail"
    """It is in the run queue, to receive its mail."""

    HAS_WORK = "has work"
    """It is in the run queue with work of its own, and has no mail."""

    RUNNING = "running"
    ENDED = "ended"


class Runnable(Protocol):
    """What a scheduler runs: one slice at a time, never two at once."""

    run_state: RunState
    queue_number: int
    """The number of its valid entry in the run queue; older entries are void."""
    slice_s: float
    """Seconds of its longest recent slice: what another thread would take off this one."""

    def run_slice(self, thread: WorkerThread) -> Urgency | None:
        """Run until there is nothing to do, or something more urgent waits; return the urgency of what is left.

        Must not raise. None: nothing is left, or ``run_state`` is ENDED.
        """

    def has_mail(self) -> bool:
        """Return whether a message has come that the last slice did not see."""

    def enforce_deadline(self, step: int) -> float | None:
        """Take a step to end a turn that is past its deadline, the first one with ``step`` 0.

        Returns:
            Seconds to wait before the next step; None if there is none.
        """

    def ask_to_end(self) -> None:
        """Have it end in order, in a slice of its own, ahead of its mail: the scheduler is about to stop."""

    def cancel(self) -> None:
        """End without another slice: the scheduler has stopped."""


class WorkerThread(OccupiedThread):
    """One thread of a scheduler, and the turn that it is at.

    Args:
        name: of the thread.
        work: called with this thread; the whole of what it does.
        on_blocked: called when the code that runs here announces a wait.
    """

    def __init__(self, name: str, work: Callable[[WorkerThread], None], on_blocked: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.on_blocked = on_blocked
        self.runnable: Runnable | None = None
        self.turn_began = 0.0  # monotonic seconds
        self.blocked = False  # it does not count as running, and another thread has taken its place
        self.deadline_step = 0
        self.next_step_due = 0.0  # monotonic seconds
        self._work = work

    def run(self) -> None:
        """Run slices until the scheduler stops, or has one thread too many."""
        self._work(self)

    def begin_turn(self) -> None:
        """Record that a turn begins."""
        self.turn_began = time.monotonic()
        self.deadline_step = 0


@contextmanager
def blocking() -> Iterator[None]:
    """Surround a wait that may be long: where the current thread is a scheduler's, another takes its place."""
    thread = threading.current_thread()
    if not isinstance(thread, WorkerThread):
        yield
        return
    thread.blocked = True
    thread.on_blocked()
    try:
        yield
    finally:
        thread.blocked = False
