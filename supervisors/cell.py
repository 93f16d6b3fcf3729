"""The life of one actor, apart from its behaviour: who watches it, how it is stopped, and its one and only death.

An actor dies once, by `Cell.bury`: in its own thread when it ends, in another one's when it is abandoned. The order is
fixed, because others build on it: the mailbox closes, names become free, questions fail, watchers hear of it.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pykka

from supervisors._pykka import StopMessage
from supervisors.errors import ActorDead
from supervisors.force import raise_in_thread
from supervisors.mailbox import Envelope, Mailbox
from supervisors.reasons import NOPROC, Abandoned, Crashed, Reason
from supervisors.reply import fail, settle
from supervisors.signals import ExitSignal, Kill, KillSignal, StopSignal

logger = logging.getLogger("supervisors")

Watcher = Callable[[Reason], None]

FENCED: dict[int, Cell] = {}
"""Threads that were abandoned and still run, by identifier: the one thing here that belongs to the whole process,
because threads do. Empty in a healthy program; an entry goes when its thread ends after all."""


class Cell:
    """Everything about one incarnation of one actor that outlives or surrounds its code.

    Args:
        label: how messages name the actor.
        mailbox: where its messages come in.
        stopped: Pykka's flag, set at death.
    """

    def __init__(self, label: str, mailbox: Mailbox, stopped: threading.Event) -> None:
        self.label = label
        self.mailbox = mailbox
        self.stopped = stopped
        self.ended = threading.Event()
        self.ready = threading.Event()
        self.cancelled = threading.Event()
        self.reason: Reason | None = None
        self.started = False
        self.start_error: BaseException | None = None
        self.incarnation = 1
        self.thread: threading.Thread | None = None
        self.current: Envelope | None = None
        self.busy = False
        self.kill_requested = False
        self.dead_letters = 0
        self.late_sends = 0
        self.links: set[Cell] = set()
        self.trapping = False
        self.ref: pykka.ActorRef[Any] | None = None
        self._lock = threading.Lock()
        self._strike_lock = threading.Lock()
        self._striking = False
        self._struck = threading.Event()
        self._watchers: dict[object, Watcher] = {}
        self._releases: list[Callable[[], None]] = []
        self._dependents: set[Cell] = set()
        self._parent: Cell | None = None

    # Who cares

    def watch(self, watcher: Watcher, *, key: object = None) -> object:
        """Call ``watcher`` once with the reason when this actor has ended, at once if it already has.

        Args:
            watcher: called in the thread that buries the actor; must be quick and must not raise.
            key: what `unwatch` will be given; made when None.
        """
        key = object() if key is None else key
        with self._lock:
            if self.reason is None:
                self._watchers[key] = watcher
                return key
        watcher(self.reason)
        return key

    def monitor(self, watcher: Watcher, *, key: object) -> None:
        """Do as `watch`, with OTP's ``noproc`` for an actor that had ended before."""
        with self._lock:
            if self.reason is None:
                self._watchers[key] = watcher
                return
        watcher(NOPROC)

    def unwatch(self, key: object) -> None:
        """Forget the watcher registered under ``key``; unknown keys are no error."""
        with self._lock:
            self._watchers.pop(key, None)

    def on_release(self, release: Callable[[], None]) -> bool:
        """Call ``release`` at death, before any watcher hears of it; return False if the actor has ended already."""
        with self._lock:
            if self.reason is None:
                self._releases.append(release)
            return self.reason is None

    def off_release(self, release: Callable[[], None]) -> None:
        """Forget a ``release`` given to `on_release`."""
        with self._lock:
            if release in self._releases:
                self._releases.remove(release)

    def adopt(self, child: Cell) -> None:
        """Make this actor the parent of ``child``, which stops when its parent ends in whatever way."""
        child._parent = self
        with self._lock:
            if self.reason is None:
                self._dependents.add(child)
                return
        child.mailbox.signal(StopSignal(NOPROC))

    def link(self, other: Cell) -> None:
        """Link two actors; a repeated link is no second one."""
        if other is self:
            return
        self.links.add(other)
        with other._lock:
            if other.reason is None:
                other.links.add(self)
                return
        self.mailbox.signal(ExitSignal(other, NOPROC))

    def unlink(self, other: Cell) -> None:
        """Undo `link`; afterwards no exit signal of ``other`` has any effect here."""
        self.links.discard(other)
        with other._lock:
            other.links.discard(self)

    # Force, from other threads

    def request_kill(self) -> None:
        """Set the cancel token, and make the actor end as killed before it handles another message."""
        self.kill_requested = True
        self.cancelled.set()
        self.mailbox.signal(KillSignal())

    def strike(self) -> None:
        """Raise `Kill` inside the actor's thread, once, if it is in code of its own."""
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
            return True
        if ident is not None:
            FENCED.pop(ident, None)
        return False

    # Death, in the actor's own thread

    def settle(self) -> None:
        """Leave the actor's own code for good: when this returns no `Kill` can strike any more."""
        try:
            self._await_strike()
        except Kill:
            self._await_strike()  # there is only one, so this time it runs undisturbed

    def _await_strike(self) -> None:
        self.busy = False
        if self._striking:
            self._struck.wait()

    def bury(self, reason: Reason) -> bool:
        """End the actor's life, once.

        Returns:
            False when that had been done before.
        """
        with self._lock:
            if self.reason is not None:
                return False
            self.reason = reason
            watchers, self._watchers = list(self._watchers.values()), {}
            releases, self._releases = self._releases, []
            dependents, self._dependents = self._dependents, set()
            links, self.links = self.links, set()
        self.mailbox.closed = True
        self.stopped.set()
        for release in releases:
            release()
        self._answer_current(reason)
        self.drain()
        if self._parent is not None:
            self._parent.disown(self)
        for child in dependents:
            child.mailbox.signal(StopSignal(reason))
        for other in links:
            other.mailbox.signal(ExitSignal(self, reason))
        self.ended.set()
        for watcher in watchers:
            self._tell_watcher(watcher, reason)
        self.ready.set()
        return True

    def _tell_watcher(self, watcher: Watcher, reason: Reason) -> None:
        try:
            watcher(reason)
        except Exception:
            logger.exception("a watcher of %s raised", self.label)

    def leave(self) -> None:
        """Note that the actor's thread is about to end."""
        if FENCED.pop(threading.get_ident(), None) is not None:
            logger.warning("%s had been abandoned and has ended after all", self.label)

    def disown(self, child: Cell) -> None:
        """Forget a child that has ended."""
        with self._lock:
            self._dependents.discard(child)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the actor has ended and, unless it was abandoned, its thread too; return whether it has."""
        if not self.ended.wait(timeout_s):
            return False
        thread = self.thread
        if thread is not None and thread is not threading.current_thread() and self.joinable:
            thread.join(timeout_s)
        return True

    @property
    def joinable(self) -> bool:
        """Return whether the thread is known to end: false for one that was abandoned."""
        return not isinstance(self.reason, Abandoned)

    # Dead letters

    def drain(self) -> None:
        """Empty the mailbox of an actor that has ended: questions fail, the rest is counted."""
        for envelope in self.mailbox.take_all():
            self.bounce(envelope)

    def bounce(self, envelope: Envelope) -> None:
        """Turn one message into a dead letter."""
        if envelope.reply_to is not None:
            fail(envelope.reply_to, self.dead())
        if not isinstance(envelope.message, StopMessage):
            self.count_dead_letter()

    def count_dead_letter(self) -> None:
        """Count a message that reached nobody."""
        with self._lock:
            self.dead_letters += 1

    def dead(self) -> ActorDead:
        """Return the error for those who ask a dead actor."""
        return ActorDead(f"{self.label} has ended: {self.reason}", self.reason or NOPROC)

    def _answer_current(self, reason: Reason) -> None:
        envelope = self.current
        if envelope is None or envelope.reply_to is None:
            return
        if isinstance(envelope.message, StopMessage):
            settle(envelope.reply_to, None)
        elif isinstance(reason, Crashed):
            fail(envelope.reply_to, reason.error)
        else:
            fail(envelope.reply_to, self.dead())


def _stack_of(ident: int | None) -> str:
    frame = None if ident is None else sys._current_frames().get(ident)
    return "" if frame is None else "".join(traceback.format_stack(frame))
