"""An actor without a thread of its own: it runs in slices, on the threads of a scheduler."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from supervisors.actor import Actor
from supervisors.lifecycle.mailbox import Envelope, Mailbox
from supervisors.lifecycle.scheduled_state import BoundedScheduledMailbox, ScheduledMailbox, ScheduledState
from supervisors.lifecycle.signals import Kill
from supervisors.rules.reasons import KILLED, NORMAL, Crashed, Reason
from supervisors.threads.scheduler import Scheduler
from supervisors.threads.worker_thread import MAIL, RunState, Urgency, WorkerThread

SLICE = 64
"""Messages and turns after which an actor goes to the end of the queue."""


class ScheduledActor(Actor):
    """An actor that shares the threads of a scheduler. Everything of `Actor` holds here too.

    Beside messages it may have work of its own: `urgency` says how urgent it is, and `on_turn` does a piece of it. All
    that waits in the mailbox is received first, so that the choice of work knows everything; receiving should take
    little time.

    Args:
        scheduler: runs it.
    """

    actor_state: ScheduledState

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self.scheduler = scheduler
        self.run_state = RunState.IDLE
        self.queue_number = 0
        self.slice_s = 0.0
        self._begun = False
        self._left_over: Urgency | None = None

    def urgency(self) -> Any | None:
        """Return how urgent the actor's own work is: the smaller, the more. None: there is none before a message comes.

        All values that the actors of one scheduler return must be comparable.
        """
        return None

    def on_turn(self) -> None:
        """Do one piece of work: nothing that waits on this scheduler is more urgent."""

    # What the seam asks for

    @classmethod
    def make_mailbox(cls) -> Mailbox:
        """Return the queue of this actor's messages."""
        return ScheduledMailbox() if cls.mailbox_limit is None else BoundedScheduledMailbox(cls.mailbox_limit)

    def make_state(self, label: str) -> ScheduledState:
        """Return what surrounds this incarnation's code."""
        return ScheduledState(label, self.context, cast(Mailbox, self.actor_inbox), self.actor_stopped)

    def start_thread(self) -> None:
        """Queue the first slice."""
        self.actor_state.mailbox.wake = partial(self.scheduler.submit, self)
        self.scheduler.submit(self)

    # What the scheduler asks for

    def has_mail(self) -> bool:
        """Return whether a message waits."""
        mailbox = self.actor_state.mailbox
        return bool(mailbox.stash) or not mailbox.empty()

    def run_slice(self, thread: WorkerThread) -> Urgency | None:
        """Run for a slice; return the urgency of the work that is left."""
        state = self.actor_state
        if not self._begun and not state.links.begin():
            self.run_state = RunState.ENDED
            return None
        state.enter(thread)
        self._left_over = None
        try:
            reason = self._go_on(thread)
            state.leave_code()
        except BaseException as error:  # noqa: BLE001 - a `Kill` that came between two lines of ours
            state.leave_code()
            reason = KILLED if isinstance(error, Kill) else Crashed(error)
        if reason is not None or state.reason is not None:
            state.finish(reason or NORMAL)
            self.run_state = RunState.ENDED
            self.forget_work()
        state.exit()
        left_over = self._left_over
        del self, state, reason  # the traceback of a crash keeps this frame, too, and it has not finished yet
        return left_over

    def enforce_deadline(self, step: int) -> float | None:
        """Cancel a turn that is past its deadline, then interrupt it, at last abandon the actor."""
        state = self.actor_state
        if step == 0:
            state.request_kill()
            return self.kill_grace_s
        if step == 1 and self.interruptible:
            state.interrupt()
            return self.kill_grace_s
        state.abandon()
        return None

    def cancel(self) -> None:
        """End as told to stop: the scheduler has no thread for another slice."""
        self.run_state = RunState.ENDED
        self.actor_state.end_without_slice()

    # The hooks

    def _go_on(self, thread: WorkerThread) -> Reason | None:
        """Run the first hook in the first slice, then turns; return why the actor ends, or None if it goes on."""
        if not self._begun:
            self._begun = True
            reason = self._run_first_hook()
            if reason is not None:
                return reason
        reason = self._attempt(partial(self._take_turns, thread))
        return None if reason is None else self._run_last_hook(reason)

    def _take_turns(self, thread: WorkerThread) -> None:
        """Receive all that has come, then work while nothing that waits is more urgent."""
        mailbox = self.actor_state.mailbox
        for _ in range(SLICE):
            thread.begin_turn()
            if mailbox.stash or not mailbox.empty():
                self._receive_next()
                continue
            urgency = self.urgency()
            if urgency is None:
                return
            self._left_over = (1, urgency)
            if self.scheduler.has_more_urgent(self._left_over):
                return
            self.on_turn()
            self._left_over = None
        self._left_over = MAIL

    def _receive_next(self) -> None:
        state = self.actor_state
        mailbox = state.mailbox
        # Not `busy` here, so that no `Kill` can lose an envelope on its way from the mailbox to `current`.
        state.busy = False
        envelope: Envelope = mailbox.stash.popleft() if mailbox.stash else mailbox.get_nowait()
        state.current = envelope
        state.busy = True
        if mailbox.signals:
            self._obey_before(envelope)
        self.handle(envelope)
        state.busy = True
