"""The state and the mailbox of an actor that runs in slices on the threads of a scheduler.

Three things are told apart, since the thread that runs a slice will run another actor's next:

- ``state.thread`` is a thread only during a slice. A slice cannot end while it is being interrupted, and ends by
  `ActorState.leave_code`: when that returns no `Kill` is on its way, to be raised in the next actor's code.
- An abandonment, too, holds the slice: it fences off the slice that it meant, and with its end the thread is free.
- ``state.join`` waits for the end of the last slice, never for a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.mailbox import BoundedMailbox, Mailbox
from supervisors.lifecycle.waiting import wait_for
from supervisors.rules.reasons import SHUTDOWN, Abandoned, Reason
from supervisors.threads.latch import Latch
from supervisors.threads.occupied import OccupiedThread


def _nothing() -> None:
    """Wake no actor: it has not been started, or has ended."""


class _Waking:
    """The methods of a mailbox that wake its actor."""

    wake: Callable[[], None] = staticmethod(_nothing)
    """Tells the scheduler that there is mail; set while the actor lives, since it holds the actor."""

    def put(self, *args: Any, **kwargs: Any) -> None:
        """Queue a message."""
        super().put(*args, **kwargs)  # type: ignore[misc]
        self.wake()

    def put_system(self, message: object) -> None:
        """Queue a message of the system."""
        super().put_system(message)  # type: ignore[misc]
        self.wake()

    def signal(self, signal: object) -> None:
        """Queue a signal."""
        super().signal(signal)  # type: ignore[misc]
        self.wake()


class ScheduledMailbox(_Waking, Mailbox):
    """A mailbox that wakes its actor."""


class BoundedScheduledMailbox(_Waking, BoundedMailbox):
    """A bounded mailbox that wakes its actor."""


class ScheduledState(ActorState):
    """What surrounds an actor that runs in slices."""

    mailbox: ScheduledMailbox | BoundedScheduledMailbox

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slice_lock = threading.Lock()
        self._last_slice_over = Latch()

    def enter(self, thread: OccupiedThread) -> None:
        """Begin a slice."""
        with self._slice_lock:
            self.enter_thread(thread)

    def exit(self) -> None:
        """End a slice; a thread that was fenced off in it is free again, for another actor."""
        with self._slice_lock:
            self.leave_thread()
            self.thread = None
            if self.reason is not None:
                self._end_slices()

    def interrupt(self) -> None:
        """Raise `Kill` in the slice that runs now, if one does; it cannot end before that is done."""
        with self._slice_lock:
            super().interrupt()

    def abandon(self) -> bool:
        """Give up on a slice that does not end."""
        with self._slice_lock:
            abandoned = super().abandon()
            if abandoned and self.thread is None:
                self._end_slices()
            return abandoned

    def end_without_slice(self) -> None:
        """End an actor that no slice runs or will run."""
        if self.thread is None:
            self.finish(SHUTDOWN)
            self._end_slices()

    def finish(self, reason: Reason, *, unless_begun: bool = False) -> bool:
        """End the actor, once."""
        finished = super().finish(reason, unless_begun=unless_begun)
        if finished and unless_begun:
            self._end_slices()
        return finished

    def _end_slices(self) -> None:
        self.mailbox.wake = _nothing
        self._last_slice_over.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the actor has ended and, unless it was abandoned, its last slice too; return whether it has."""
        if not wait_for(self.ended, timeout):
            return False
        if self.thread is threading.current_thread() or isinstance(self.reason, Abandoned):
            return True
        return wait_for(self._last_slice_over, timeout)
