"""What surrounds an actor's code: its mailbox, its links, force from outside, and its one and only end.

An actor ends once, by `ActorState.finish`: in its own thread when it ends, in another thread when it is abandoned. The
order is fixed, because others build on it: the mailbox closes, names become free, questions fail, watchers are
notified.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from supervisors.lifecycle._pykka import StopMessage
from supervisors.lifecycle.actor_context import ActorContext
from supervisors.lifecycle.fenced import FENCED, stack_of
from supervisors.lifecycle.frames import clear_frames
from supervisors.lifecycle.guarded import guarded
from supervisors.lifecycle.hooks import DeadLetter
from supervisors.lifecycle.links import Links
from supervisors.lifecycle.mailbox import Envelope, Mailbox, SystemEnvelope, Timed
from supervisors.lifecycle.replies import fail, resolve
from supervisors.lifecycle.signals import Kill, KillSignal, StopSignal
from supervisors.lifecycle.waiting import undisturbed, wait_for
from supervisors.rules.errors import ActorDead, Stopping
from supervisors.rules.printing import printed
from supervisors.rules.reasons import NOPROC, Abandoned, Crashed, Reason
from supervisors.threads.async_exception import raise_in_thread
from supervisors.threads.forks import PROCESS
from supervisors.threads.latch import Latch
from supervisors.threads.occupied import OccupiedThread
from supervisors.threads.timers import Timer, Timers

logger = logging.getLogger("supervisors")


class ActorState:
    """Everything about one incarnation of one actor that outlives or surrounds its code.

    It does not know the actor, so that a reference, which knows the state, keeps no ended actor in memory.

    Args:
        label: the actor's name in messages.
        context: the circumstances of its start.
        mailbox: where its messages come in.
    """

    def __init__(self, label: str, context: ActorContext, mailbox: Mailbox) -> None:
        self.label = label
        self.context = context
        self.mailbox = mailbox
        self.links = Links(mailbox)
        self.process: object | None = PROCESS.mark
        self.ended = Latch()
        self.ready = Latch()
        self.started = False
        self.start_error: BaseException | None = None
        self.failure: Crashed | None = None
        self.thread: OccupiedThread | None = None
        self.exit_reason: Reason | None = None  # for the last hook: why the actor is about to end
        self.told_to_stop = False  # by its supervisor, and it has heard of that
        self.trapping = False
        # Written by the actor's thread around every piece of its own code; read by a thread that interrupts it.
        self.current: Envelope | None = None
        self.busy = False
        self.kill_requested = False
        self.late_sends = 0
        self.dead_letters = 0
        self._lock = threading.Lock()  # of the counts, and of what is made only when it is needed
        self._interrupt_lock = threading.Lock()
        self._interrupted: Latch | None = None
        self._cancelled: Latch | None = None
        self._timers: Timers | None = None
        self._pending: set[Timer] | None = None

    @property
    def reason(self) -> Reason | None:
        """Why the actor ended; None while it lives."""
        return self.links.reason

    @property
    def cancelled(self) -> Latch:
        """The cancel token."""
        with self._lock:
            if self._cancelled is None:
                self._cancelled = Latch()
            return self._cancelled

    @property
    def timers(self) -> Timers:
        """The timers of the actor's tree, or its own if it has no tree."""
        if self.context.timers is not None:
            return self.context.timers
        with self._lock:
            if self._timers is None:
                self._timers = Timers(self.context.clock)
                if not self.links.on_release(self._timers.stop):
                    self._timers.stop()
            return self._timers

    def after(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Make ``call`` in ``delay_s`` seconds of the actor's clock, in the timer thread; not after its end."""
        with self._lock:
            if self._pending is None:
                self._pending = set()
        with undisturbed():  # it may have to start the timers' thread, and holds their lock
            timer = self.timers.after(delay_s, call, pending=self._pending)
        if self.reason is not None:  # looked at when the timer is among the pending ones, which the end cancels
            timer.cancel()
        return timer

    def send_system(self, message: object) -> None:
        """Queue a message of the system; one that comes after the actor's end is dropped."""
        self.mailbox.put_system(message)
        if self.mailbox.closed:
            self.drain()

    # Force, from other threads

    def request_kill(self) -> None:
        """Set the cancel token, and make the actor end as killed before it handles another message."""
        self.kill_requested = True
        self.cancelled.set()
        self.mailbox.signal(KillSignal())

    def interrupt(self) -> None:
        """Raise `Kill` inside the actor's thread, once, if that is in the actor's own code.

        Called after `request_kill`. The two threads cannot miss each other: this one writes ``_interrupted`` before it
        reads ``busy``, the actor's (`leave_code`) writes ``busy`` before it reads ``_interrupted``. So either this
        thread sees that the actor has left its code, or the actor waits for the exception that is on its way.
        """
        if self.thread is threading.current_thread():
            raise Kill  # an actor that kills itself must not wait for its own interrupt
        with self._interrupt_lock:
            if self._interrupted is not None or self.thread is None or self.thread.ident is None:
                return
            self._interrupted = Latch()
            if self.busy and self.reason is None:
                raise_in_thread(self.thread.ident, Kill)
            self._interrupted.set()

    def abandon(self) -> bool:
        """Give up on a thread that will not end: fence it off, and do all that its end would have done.

        Returns:
            False when the actor has ended by itself in the meantime.
        """
        ident = None if self.thread is None else self.thread.ident
        stack = stack_of(ident)
        if ident is not None:
            FENCED[ident] = self
        if self.finish(Abandoned(stack)):
            self.request_kill()
            return True
        if ident is not None:
            FENCED.pop(ident, None)
        return False

    def outside_its_code(self) -> OutsideCode:
        """Surround a wait in the actor's own code: no exception is raised in its thread meanwhile.

        Raises:
            Kill: it was killed before the wait, or during it.
        """
        return OutsideCode(self)

    def leave_code_for_a_while(self) -> None:
        """Leave the actor's own code; a `Kill` that is on its way is raised here."""
        self.busy = False
        if self._interrupted is not None:
            self._interrupted.wait()

    def return_to_code(self) -> None:
        """Undo `leave_code_for_a_while`, unless the actor was killed meanwhile."""
        self.busy = True
        if self.kill_requested:
            self.leave_code()
            raise Kill

    # The end

    def leave_loop(self) -> None:
        """Refuse what the actor is asked from now on; in its own thread, when it has left its loop.

        Raises:
            Kill: one was on its way.
        """
        self.leave_code_for_a_while()  # a `Kill` among the next lines would lose a question
        for envelope in self.mailbox.leave():
            self.refuse(envelope)
        if self.mailbox.closed:  # it was abandoned in between
            self.drain()

    def refuse(self, envelope: Envelope) -> None:
        """Fail a question to an actor that has left its loop; it stays in the mailbox until that is emptied."""
        if self.mailbox.closed:
            self.drain()
        elif envelope.reply_to is not None and not isinstance(envelope.message, StopMessage):
            reason = self.exit_reason or NOPROC
            why = printed(reason, str)
            fail(envelope.reply_to, Stopping(f"{self.label} is stopping ({why}) and answers nothing any more", reason))

    def leave_code(self) -> None:
        """Leave the actor's own code for good: after this, in its thread, no `Kill` can be raised any more."""
        try:
            self.leave_code_for_a_while()
        except Kill:
            self.leave_code_for_a_while()  # there is only one, so nothing disturbs this second wait

    def finish(self, reason: Reason, *, unless_begun: bool = False) -> bool:
        """End the actor, once.

        Args:
            reason: why.
            unless_begun: whether to do nothing if its thread runs.

        Returns:
            False when it had ended before, or nothing was done.
        """
        recipients = self.links.end(reason, unless_begun=unless_begun)
        if recipients is None:
            return False
        self.mailbox.close()
        for timer in tuple(self._pending or ()):
            timer.cancel()
        for key, watched in recipients.watched.items():
            watched.demonitor(key)
        for release in recipients.releases:
            self._call_safely(release)
        self._answer_current()
        self.drain()
        for child in recipients.children:
            child.signal(StopSignal(reason))
        for other in recipients.linked:
            self.links.send_exit(other, reason)
        self.ended.set()
        for watcher in recipients.watchers:
            self._call_safely(partial(watcher, reason))
        self.ready.set()
        return True

    def _call_safely(self, call: Callable[[], None]) -> None:
        """Make a call of foreign code, whose error must not keep the news from the others."""
        guarded(call, None, "a watcher of %s", self.label)

    def enter_thread(self, thread: OccupiedThread) -> None:
        """Record that ``thread``, the current one, runs this actor."""
        self.thread, thread.occupant = thread, self

    def leave_thread(self) -> None:
        """Record that the thread runs this actor no longer."""
        if self.thread is not None:
            self.thread.occupant = None
        if FENCED.pop(threading.get_ident(), None) is not None:
            error = None if self.failure is None else self.failure.error
            level = logging.WARNING if error is None else logging.ERROR
            logger.log(level, "%s had been abandoned and has ended after all", self.label, exc_info=error)

    def forget_work(self) -> None:
        """Drop what the actor was working on when it ended, so that its references do not keep that in memory."""
        failure, self.failure, self.current = self.failure, None, None
        clear_frames(self.reason)
        if failure is not self.reason:
            clear_frames(failure)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the actor has ended and, unless it was abandoned, its thread too; return whether it has."""
        if not wait_for(self.ended, timeout):
            return False
        thread = self.thread
        if thread is None or thread is threading.current_thread() or isinstance(self.reason, Abandoned):
            return True
        thread.join(timeout)
        return not thread.is_alive()

    # Dead letters

    def drain(self) -> None:
        """Empty the mailbox of an actor that has ended: questions fail, the rest is counted."""
        for envelope in self.mailbox.take_all():
            self.bounce(envelope)

    def bounce(self, envelope: Envelope) -> None:
        """Turn one message into a dead letter; messages of the system are none."""
        if isinstance(envelope.message, StopMessage):
            if envelope.reply_to is not None:
                resolve(envelope.reply_to, False)
            return
        if envelope.reply_to is not None:
            fail(envelope.reply_to, self.dead())
        if not isinstance(envelope, SystemEnvelope):
            self.note_dead_letter(envelope.message)

    def note_dead_letter(self, message: Any) -> None:
        """Count a message that had no effect, and notify the hooks."""
        with self._lock:
            self.dead_letters += 1
        hooks = self.context.hooks
        if hooks:
            content = message.message if isinstance(message, Timed) else message
            supervisor = "/".join(self.context.path)
            hooks.emit(DeadLetter(supervisor, self.context.id, self.context.incarnation, content))

    def dead(self, *, begun: bool = False) -> ActorDead:
        """Return the error for a question to a dead actor.

        Args:
            begun: whether it had begun with it.
        """
        why = printed(self.reason, str)
        return ActorDead(f"{self.label} has ended: {why}", self.reason or NOPROC, begun=begun)

    def _answer_current(self) -> None:
        envelope = self.current
        if envelope is None or envelope.reply_to is None:
            return
        if isinstance(envelope.message, StopMessage):
            resolve(envelope.reply_to, True)
        else:
            fail(envelope.reply_to, self.dead(begun=True) if self.failure is None else self.failure.error)


class OutsideCode:
    """A part of an actor's own code in which no exception is raised in its thread; a context manager.

    Args:
        state: of the actor.
    """

    __slots__ = ("_state",)

    def __init__(self, state: ActorState) -> None:
        self._state = state

    def __enter__(self) -> None:
        self._state.leave_code_for_a_while()

    def __exit__(self, *_exc_info: object) -> None:
        self._state.return_to_code()
