"""An actor without a thread of its own: it runs in slices, on the threads of a scheduler.

Everything of `Actor` holds here too. Three things are told apart, since the thread that runs a slice will run another
actor's next:

- ``cell.thread`` is a thread only during a slice. A slice cannot end while a strike is being made, and ends as a life
  does elsewhere, by `Cell.settle`: when that returns no `Kill` is on its way, to be raised in the next actor's code.
- An abandonment, too, holds the slice: it fences off the one that it meant, and with its end the thread is free.
- ``cell.join`` waits for the end of the last slice, never for a thread.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, cast

from supervisors.actor import Actor
from supervisors.cell import Cell
from supervisors.mailbox import BoundedMailbox, Envelope, Mailbox
from supervisors.reasons import KILLED, NORMAL, SHUTDOWN, Abandoned, Crashed, Reason
from supervisors.scheduler import AT_ONCE, Scheduler, SchedulerThread, State, Urgency, blocking
from supervisors.signals import Kill

SLICE = 64
"""Messages and turns after which an actor goes to the end of the queue."""


class _Waking:
    """What a mailbox does that wakes its actor up."""

    def wake(self) -> None:
        """Tell the scheduler that there is mail; replaced as soon as the actor knows its scheduler."""

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
    """A mailbox that wakes its actor up."""


class BoundedScheduledMailbox(_Waking, BoundedMailbox):
    """A bounded mailbox that wakes its actor up."""


class ScheduledCell(Cell):
    """What surrounds an actor that runs in slices."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slice_lock = threading.Lock()
        self._left = threading.Event()

    def enter(self, thread: threading.Thread) -> None:
        """Begin a slice."""
        with self._slice_lock:
            self.thread = thread
        self.mailbox.owner = thread.ident

    def exit(self) -> None:
        """End a slice; whoever was fenced off in it is free again, for another actor."""
        self.mailbox.owner = None
        with self._slice_lock:
            self.leave()
            self.thread = None
            if self.reason is not None:
                self._left.set()

    def strike(self) -> None:
        """Raise `Kill` in the slice that runs now, if one does; it cannot end before that is done."""
        with self._slice_lock:
            super().strike()

    def abandon(self) -> bool:
        """Give up on a slice that does not end."""
        with self._slice_lock:
            abandoned = super().abandon()
            if abandoned and self.thread is None:
                self._left.set()
            return abandoned

    def end_without_slice(self) -> None:
        """End an actor that no slice runs or will run."""
        if self.thread is None:
            self.bury(SHUTDOWN)
            self._left.set()

    def bury(self, reason: Reason, *, unless_begun: bool = False) -> bool:
        """End the actor's life, once."""
        buried = super().bury(reason, unless_begun=unless_begun)
        if buried and unless_begun:
            self._left.set()  # there will be no slice
        return buried

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the actor has ended and, unless it was abandoned, its last slice too; return whether it has."""
        with blocking():
            if not self.ended.wait(timeout_s):
                return False
            if self.thread is threading.current_thread() or isinstance(self.reason, Abandoned):
                return True
            return self._left.wait(timeout_s)


class ScheduledActor(Actor):
    """An actor that shares the threads of a scheduler.

    Beside messages it may have work of its own: `urgency` says how urgent it is, and `on_turn` does a piece of it.
    All that waits in the mailbox is received first, so that the choice of work knows everything; receiving should take
    little time.

    Args:
        scheduler: whose threads.
    """

    cell: ScheduledCell

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self.scheduler = scheduler
        self.state = State.IDLE
        self.ticket = 0
        self.slice_s = 0.0
        self._begun = False
        mailbox = cast(ScheduledMailbox, self.cell.mailbox)
        mailbox.wake = partial(scheduler.call, self)  # type: ignore[method-assign]

    def urgency(self) -> Any | None:
        """Return how urgent the actor's own work is, the smaller the more; None: there is none before a message comes.

        All that the actors of one scheduler return must be comparable.
        """
        return None

    def on_turn(self) -> None:
        """Do one piece of work: nothing that waits on this scheduler is more urgent."""

    # What the seam wants

    @classmethod
    def make_mailbox(cls) -> Mailbox:
        """Return the queue of this actor's messages."""
        return ScheduledMailbox() if cls.mailbox_limit is None else BoundedScheduledMailbox(cls.mailbox_limit)

    def make_cell(self) -> ScheduledCell:
        """Make what surrounds this incarnation's code."""
        label = f"{type(self).__name__} {self.context.id!r}"
        self.cell = ScheduledCell(label, self.context, cast(Mailbox, self.actor_inbox), self.actor_stopped)
        return self.cell

    def start_thread(self) -> None:
        """Queue the first slice."""
        self.scheduler.call(self)

    # What the scheduler wants

    def has_mail(self) -> bool:
        """Return whether a message waits."""
        mailbox = self.cell.mailbox
        return bool(mailbox.stash) or not mailbox.empty()

    def run_slice(self, thread: SchedulerThread) -> Urgency | None:
        """Live for a slice; return the urgency of the work that is left."""
        cell = self.cell
        if not self._begun and not cell.bonds.begin():
            self.state = State.ENDED
            return None
        cell.enter(thread)
        self._left_over: Urgency | None = None
        try:
            reason = self._live_on()
            cell.settle()
        except BaseException as error:  # noqa: BLE001 - a `Kill` that struck between two lines of ours
            cell.settle()
            reason = KILLED if isinstance(error, Kill) else Crashed(error)
        if reason is not None or cell.reason is not None:
            cell.bury(reason or NORMAL)
            self.state = State.ENDED
        cell.exit()
        return self._left_over

    def overdue(self, rung: int) -> float | None:
        """Cancel the turn at hand, then interrupt it, at last abandon the actor."""
        cell = self.cell
        if rung == 0:
            cell.request_kill()
            return self.kill_grace_s
        if rung == 1 and self.interruptible:
            cell.strike()
            return self.kill_grace_s
        cell.abandon()
        return None

    def give_up(self) -> None:
        """End as told to stop: there is no thread to live on any more."""
        self.state = State.ENDED
        self.cell.end_without_slice()

    # Life

    def _live_on(self) -> Reason | None:
        """Start, or go on; return the reason when this was the last slice."""
        if not self._begun:
            self._begun = True
            reason = self._attempt(self.on_start)
            if reason is not None:
                self._note_failed_start(reason)
                return reason
            self.cell.started = True
            self.cell.ready.set()
        reason = self._attempt(self._turns)
        return None if reason is None else self._farewell(reason)

    def _turns(self) -> None:
        """Receive all that has come, then work while nothing that waits is more urgent."""
        cell, thread = self.cell, cast(SchedulerThread, threading.current_thread())
        mailbox = cell.mailbox
        for _ in range(SLICE):
            thread.begin_turn()
            if mailbox.stash or not mailbox.empty():
                self._receive_next()
                continue
            urgency = self.urgency()
            if urgency is None:
                return
            self._left_over = (1, urgency)
            if self.scheduler.more_urgent_than(self._left_over):
                return
            self.on_turn()
            self._left_over = None
        self._left_over = AT_ONCE

    def _receive_next(self) -> None:
        cell = self.cell
        mailbox = cell.mailbox
        # Not `busy` here, so that no `Kill` can lose an envelope on its way from the mailbox to `current`.
        cell.busy = False
        envelope: Envelope = mailbox.stash.popleft() if mailbox.stash else mailbox.get_nowait()
        cell.current = envelope
        cell.busy = True
        if mailbox.signals:
            self._obey_before(envelope)
        self.handle(envelope)
        cell.busy = True
