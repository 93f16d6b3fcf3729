"""The life of one actor, apart from its behaviour: how it is stopped, and its one and only death.

An actor dies once, by `Cell.bury`: in its own thread when it ends, in another one's when it is abandoned. The order is
fixed, because others build on it: the mailbox closes, names become free, questions fail, watchers hear of it.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from supervisors._pykka import StopMessage
from supervisors.bonds import Bonds
from supervisors.errors import ActorDead
from supervisors.events import DeadLetter
from supervisors.force import raise_in_thread
from supervisors.mailbox import Envelope, Mailbox, SystemEnvelope, Timed
from supervisors.reasons import NOPROC, Abandoned, Reason
from supervisors.reply import fail, settle
from supervisors.signals import ExitSignal, Kill, KillSignal, StopSignal
from supervisors.timers import Timers

if TYPE_CHECKING:
    from supervisors.child import StartContext
    from supervisors.ref import Ref

logger = logging.getLogger("supervisors")

FENCED: dict[int, Cell] = {}
"""Threads that were abandoned and still run, by identifier: the one thing here that belongs to the whole process,
because threads do. Empty in a healthy program; an entry goes when its thread ends after all."""


def abandoned_threads() -> list[str]:
    """Return the names of the actors that were abandoned and whose threads still run, in this process."""
    return [cell.label for cell in tuple(FENCED.values())]


class Cell:
    """Everything about one incarnation of one actor that outlives or surrounds its code.

    Args:
        label: how messages name the actor.
        context: the circumstances of its start.
        mailbox: where its messages come in.
        stopped: Pykka's flag, set at death.
    """

    def __init__(self, label: str, context: StartContext, mailbox: Mailbox, stopped: threading.Event) -> None:
        self.label = label
        self.context = context
        self.mailbox = mailbox
        self.bonds = Bonds(self)
        self.ended = threading.Event()
        self.ready = threading.Event()
        self.cancelled = threading.Event()
        self.started = False
        self.start_error: BaseException | None = None
        self.failure: BaseException | None = None
        self.thread: threading.Thread | None = None
        self.ref: Ref[Any] | None = None
        self.trapping = False
        # Written by the actor's thread around every piece of its own code; read by whoever wants to strike.
        self.current: Envelope | None = None
        self.step = 0
        self.busy = False
        self.kill_requested = False
        self.late_sends = 0
        self._stopped = stopped
        self.dead_letters = 0
        self._count_lock = threading.Lock()
        self._strike_lock = threading.Lock()
        self._striking = False
        self._struck = threading.Event()
        self._timers: Timers | None = None

    @property
    def reason(self) -> Reason | None:
        """Return why the actor ended; None while it lives."""
        return self.bonds.reason

    @property
    def timers(self) -> Timers:
        """Return the timers of the actor's tree, or its own if it has none."""
        if self.context.timers is not None:
            return self.context.timers
        if self._timers is None:
            self._timers = Timers(self.context.clock)
            self.bonds.on_release(self._timers.stop)
        return self._timers

    # Force, from other threads

    def request_kill(self) -> None:
        """Set the cancel token, and make the actor end as killed before it handles another message."""
        self.kill_requested = True
        self.cancelled.set()
        self.mailbox.signal(KillSignal())

    def strike(self) -> None:
        """Raise `Kill` inside the actor's thread, once, if it is in code of its own.

        To be called after `request_kill`. The two sides cannot miss each other: here ``_striking`` is written before
        ``busy`` is read, there (`settle`) ``busy`` is written before ``_striking`` is read.
        """
        if self.thread is threading.current_thread():
            raise Kill  # an actor that kills itself must not wait for its own strike
        with self._strike_lock:
            if self._struck.is_set() or self.thread is None or self.thread.ident is None:
                return
            self._striking = True
            if self.busy and self.reason is None:
                raise_in_thread(self.thread.ident, Kill)
            self._struck.set()

    def abandon(self) -> bool:
        """Give up on a thread that will not end: fence it, and do all that its death would have done.

        Returns:
            False when the actor had ended by itself in the meantime.
        """
        ident = None if self.thread is None else self.thread.ident
        stack = _stack_of(ident)
        if ident is not None:
            FENCED[ident] = self
        if self.bury(Abandoned(stack)):
            self.request_kill()
            return True
        if ident is not None:
            FENCED.pop(ident, None)
        return False

    # Death

    def settle(self) -> None:
        """Leave the actor's own code for good; when this returns, in its thread, no `Kill` can strike any more."""
        try:
            self._await_strike()
        except Kill:
            self._await_strike()  # there is only one, so this time it runs undisturbed

    def _await_strike(self) -> None:
        self.busy = False
        if self._striking:
            self._struck.wait()

    def bury(self, reason: Reason, *, unless_begun: bool = False) -> bool:
        """End the actor's life, once.

        Args:
            reason: why.
            unless_begun: whether to leave it alone if its thread runs.

        Returns:
            False when that had been done before, or it was left alone.
        """
        heirs = self.bonds.cut(reason, unless_begun=unless_begun)
        if heirs is None:
            return False
        self.mailbox.close()
        self._stopped.set()
        for release in heirs.releases:
            self._quietly(release)
        self._answer_current()
        self.drain()
        if self.context.supervisor is not None:
            self.context.supervisor.cell.bonds.disown(self)
        for child in heirs.children:
            child.mailbox.signal(StopSignal(reason))
        for other in heirs.links:
            other.mailbox.signal(ExitSignal(self, reason))
        self.ended.set()
        for watcher in heirs.watchers:
            self._quietly(partial(watcher, reason))
        self.ready.set()
        return True

    def _quietly(self, call: Callable[[], None]) -> None:
        """Make a call of somebody else's, whose fault must not keep the news from the others."""
        try:
            call()
        except BaseException:
            logger.exception("a watcher of %s raised", self.label)

    def leave(self) -> None:
        """Note that the actor's thread is about to end."""
        if FENCED.pop(threading.get_ident(), None) is not None:
            logger.warning("%s had been abandoned and has ended after all", self.label)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the actor has ended and, unless it was abandoned, its thread too; return whether it has."""
        if not self.ended.wait(timeout_s):
            return False
        thread = self.thread
        if thread is None or thread is threading.current_thread() or isinstance(self.reason, Abandoned):
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    # Dead letters

    def drain(self) -> None:
        """Empty the mailbox of an actor that has ended: questions fail, the rest is counted."""
        for envelope in self.mailbox.take_all():
            self.bounce(envelope)

    def bounce(self, envelope: Envelope) -> None:
        """Turn one message into a dead letter; messages of the system are none."""
        if envelope.reply_to is not None:
            fail(envelope.reply_to, self.dead())
        if not isinstance(envelope, SystemEnvelope) and not isinstance(envelope.message, StopMessage):
            self.note_dead_letter(envelope.message)

    def note_dead_letter(self, message: Any) -> None:
        """Count a message that had no effect, and tell the hooks."""
        with self._count_lock:
            self.dead_letters += 1
        hooks = self.context.hooks
        if hooks:
            content = message.message if isinstance(message, Timed) else message
            supervisor = "/".join(self.context.path)
            hooks.emit(DeadLetter(supervisor, self.context.id, self.context.incarnation, content))

    def dead(self) -> ActorDead:
        """Return the error for those who ask a dead actor."""
        return ActorDead(f"{self.label} has ended: {self.reason}", self.reason or NOPROC)

    def _answer_current(self) -> None:
        envelope = self.current
        if envelope is None or envelope.reply_to is None:
            return
        if isinstance(envelope.message, StopMessage):
            settle(envelope.reply_to, None)
        else:
            fail(envelope.reply_to, self.failure or self.dead())


def _stack_of(ident: int | None) -> str:
    frame = None if ident is None else sys._current_frames().get(ident)
    return "" if frame is None else "".join(traceback.format_stack(frame))
