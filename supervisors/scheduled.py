"""An actor without a thread of its own: it runs in slices, on the threads of a scheduler."""

from __future__ import annotations

from functools import partial
from typing import Any

from supervisors.actor import Actor
from supervisors.lifecycle.actor_loop import ActorLoop
from supervisors.lifecycle.base_actor import ActorKind, BaseActor
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.mailbox import Envelope
from supervisors.lifecycle.obedience import obey_before
from supervisors.lifecycle.own_names import check_names, own
from supervisors.lifecycle.scheduled_state import BoundedScheduledMailbox, ScheduledMailbox, ScheduledState
from supervisors.lifecycle.signals import Kill, StopSignal
from supervisors.rules.reasons import KILLED, NORMAL, SHUTDOWN, Crashed, Reason
from supervisors.threads.scheduler import Scheduler
from supervisors.threads.worker_thread import MAIL, RunState, Urgency, WorkerThread

SLICE = 64
"""Messages and turns after which an actor goes to the end of the queue."""


class ScheduledKind(ActorKind):
    """Makes what an actor needs that runs in slices."""

    __slots__ = ()

    def make_state(self, actor_class: type[BaseActor], context: StartContext) -> ScheduledState:
        """Return what surrounds the code of an incarnation."""
        limit = actor_class.mailbox_limit
        mailbox = ScheduledMailbox() if limit is None else BoundedScheduledMailbox(limit)
        return ScheduledState(f"{actor_class.__name__} {context.id!r}", context, mailbox)

    def begin(self, actor: BaseActor) -> None:
        """Queue the first slice."""
        assert isinstance(actor, ScheduledActor), "the kind of a `ScheduledActor`"
        state, scheduler = actor._actor_state, actor.scheduler
        loop = ScheduledLoop(actor, state, scheduler)
        state.mailbox.wake = partial(scheduler.submit, loop)
        if state.links.on_release(partial(scheduler.remove, loop)):
            scheduler.add(loop)


@own("scheduler")
class ScheduledActor(Actor):
    """An actor that shares the threads of a scheduler. Everything of `Actor` holds here too.

    Beside messages it may have work of its own: `urgency` says how urgent it is, and `on_turn` does a piece of it. All
    that waits in the mailbox is received first, so that the choice of work knows everything; receiving should take
    little time.

    Args:
        scheduler: runs it.
    """

    _actor_kind = ScheduledKind()
    _actor_state: ScheduledState

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._actor_scheduler = scheduler

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_names(cls, ScheduledActor)

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler that runs this actor."""
        return self._actor_scheduler

    def urgency(self) -> Any | None:
        """Return how urgent the actor's own work is: the smaller, the more. None: there is none before a message comes.

        All values that the actors of one scheduler return must be comparable.
        """
        return None

    def on_turn(self) -> None:
        """Do one piece of work: nothing that waits on this scheduler is more urgent."""


class ScheduledLoop(ActorLoop):
    """Runs an actor's hooks in slices: what a scheduler knows of the actor; a `Runnable`.

    Args:
        actor: whose hooks to run.
        state: of the actor.
        scheduler: runs the slices.
    """

    actor: ScheduledActor
    state: ScheduledState

    def __init__(self, actor: ScheduledActor, state: ScheduledState, scheduler: Scheduler) -> None:
        super().__init__(actor, state, NORMAL)
        self.run_state = RunState.IDLE
        self.queue_number = 0
        self.slice_s = 0.0
        self._scheduler = scheduler
        self._grace_s, self._interruptible = actor.kill_grace_s, actor.interruptible
        self._begun = False
        self._left_over: Urgency | None = None

    # What the scheduler asks for

    def has_mail(self) -> bool:
        """Return whether a message waits."""
        mailbox = self.state.mailbox
        return bool(mailbox.stash) or not mailbox.empty()

    def run_slice(self, thread: WorkerThread) -> Urgency | None:
        """Run for a slice; return the urgency of the work that is left."""
        state = self.state
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
        state = self.state
        if step == 0:
            state.request_kill()
            return self._grace_s
        if step == 1 and self._interruptible:
            state.interrupt()
            return self._grace_s
        state.abandon()
        return None

    def ask_to_end(self) -> None:
        """End in order after the present message, ahead of those that wait."""
        self.state.mailbox.signal(StopSignal(SHUTDOWN))

    def cancel(self) -> None:
        """End as told to stop: the scheduler has no thread for another slice."""
        self.run_state = RunState.ENDED
        self.state.end_without_slice()

    # The hooks

    def _go_on(self, thread: WorkerThread) -> Reason | None:
        """Run the first hook in the first slice, then turns; return why the actor ends, or None if it goes on."""
        if not self._begun:
            self._begun = True
            reason = self._run_first_hook()
            if reason is not None:
                return reason
            thread.begin_turn()
        reason = self._attempt(partial(self._take_turns, thread))
        return None if reason is None else self._run_last_hook(reason)

    def _take_turns(self, thread: WorkerThread) -> None:
        """Receive all that has come, then work while nothing that waits is more urgent; the first turn has begun."""
        mailbox = self.state.mailbox
        for _ in range(SLICE):
            if mailbox.stash or not mailbox.empty():
                self._receive_next()
            else:
                urgency = self.actor.urgency()
                if urgency is None:
                    return
                self._left_over = (1, urgency)
                if self._scheduler.has_more_urgent(self._left_over):
                    return
                self.actor.on_turn()
                self._left_over = None
            thread.begin_turn()
        self._left_over = MAIL

    def _receive_next(self) -> None:
        state = self.state
        mailbox = state.mailbox
        # Not `busy` here, so that no `Kill` can lose an envelope on its way from the mailbox to `current`.
        state.busy = False
        envelope: Envelope = mailbox.stash.popleft() if mailbox.stash else mailbox.get_nowait()
        state.current = envelope
        state.busy = True
        if mailbox.signals:
            obey_before(state, envelope)
        self.handle(envelope)
        state.busy = True
