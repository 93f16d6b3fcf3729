"""What is notified of an actor's end: watchers, linked actors, children, and the holders of its names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import ref as weak_reference

import pykka

from supervisors.lifecycle.mailbox import Mailbox
from supervisors.lifecycle.signals import ExitSignal, StopSignal
from supervisors.rules.reasons import NOPROC, Reason

Watcher = Callable[[Reason], None]


@dataclass(frozen=True, slots=True)
class Recipients:
    """Everything to notify of an end, taken out at the moment of it.

    Args:
        releases: to call first: they free what others may want to have again.
        watchers: to call with the reason.
        linked: to send an exit signal to.
        children: to stop.
        watched: the actors whose end was to be told to this one, by the key of each monitor.
    """

    releases: list[Callable[[], None]]
    watchers: list[Watcher]
    linked: set[Links]
    children: set[Mailbox]
    watched: dict[object, Links]


class Links:
    """An actor's ties to others, and its end; guarded by one lock, so that every watcher is notified exactly once.

    Args:
        mailbox: of the actor.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.reason: Reason | None = None
        self.begun = False
        self.linked: set[Links] = set()
        self._mailbox = mailbox
        self._ref: Callable[[], pykka.ActorRef[Any] | None] = _no_reference
        self._lock = threading.Lock()
        self._watchers: dict[object, Watcher] = {}
        self._releases: list[Callable[[], None]] = []
        self._children: set[Mailbox] = set()
        self._watched: dict[object, Links] = {}

    @property
    def ref(self) -> pykka.ActorRef[Any] | None:
        """The actor's reference; held weakly, since it holds these links. None only after the actor is gone."""
        return self._ref()

    def belong_to(self, ref: pykka.ActorRef[Any]) -> None:
        """Set the reference by which other actors know the sender of an exit signal."""
        self._ref = weak_reference(ref)

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` once with the reason when the actor has ended, at once if it already has.

        Args:
            watcher: called in the thread that ends the actor; must be quick.
        """
        if not self._add_watcher(watcher, watcher) and self.reason is not None:
            watcher(self.reason)

    def monitor(self, other: Links, watcher: Watcher, *, key: object) -> None:
        """Have this actor watch ``other`` until one of them ends; OTP's ``noproc`` is the reason if that had ended.

        Args:
            other: of the actor to watch.
            watcher: called in the thread that ends the other; must be quick.
            key: the argument of `demonitor`.
        """
        self._watched[key] = other

        def notify(reason: Reason) -> None:
            self._watched.pop(key, None)
            watcher(reason)

        if not other._add_watcher(key, notify):
            notify(NOPROC)
        if self.reason is not None:  # looked at after the entry, which this actor's end undoes
            other.demonitor(key)

    def _add_watcher(self, key: object, watcher: Watcher) -> bool:
        with self._lock:
            if self.reason is None:
                self._watchers[key] = watcher
            return self.reason is None

    def demonitor(self, key: object) -> None:
        """Remove the watcher registered under ``key``; unknown keys are no error."""
        with self._lock:
            self._watchers.pop(key, None)

    def stop_watching(self, other: Links, key: object) -> None:
        """Undo `monitor`."""
        self._watched.pop(key, None)
        other.demonitor(key)

    def on_release(self, release: Callable[[], None]) -> bool:
        """Call ``release`` at the end, before any watcher is notified; return False if the actor has already ended."""
        with self._lock:
            if self.reason is None:
                self._releases.append(release)
            return self.reason is None

    def add_child(self, child: Mailbox) -> None:
        """Stop the actor behind ``child`` when this one ends in any way."""
        with self._lock:
            if self.reason is None:
                self._children.add(child)
                return
        child.signal(StopSignal(NOPROC))

    def remove_child(self, child: Mailbox) -> None:
        """Undo `add_child` for a child that has ended."""
        with self._lock:
            self._children.discard(child)

    def link(self, other: Links) -> None:
        """Link two actors; a repeated link has no effect."""
        if other is self or self.reason is not None:
            return
        self.linked.add(other)
        if not other._accept_link(self):
            other.send_exit(self, NOPROC)

    def _accept_link(self, other: Links) -> bool:
        with self._lock:
            if self.reason is None:
                self.linked.add(other)
            return self.reason is None

    def unlink(self, other: Links) -> None:
        """Undo `link`; afterwards no exit signal of ``other`` has any effect here."""
        self.linked.discard(other)
        other._drop_link(self)

    def take_link(self, sender: object) -> bool:
        """Remove the link to the sender of an exit signal; return False if there is none, so that it has no effect."""
        if not isinstance(sender, Links) or sender not in self.linked:
            return False
        self.linked.discard(sender)
        return True

    def _drop_link(self, other: Links) -> None:
        with self._lock:
            self.linked.discard(other)

    def send_exit(self, receiver: Links, reason: Reason) -> None:
        """Send the exit signal of this actor to a linked one."""
        receiver._mailbox.signal(ExitSignal(self, self.ref, reason))

    def begin(self) -> bool:
        """Record that the actor's thread runs; return False if the actor was ended before that."""
        with self._lock:
            self.begun = self.reason is None
            return self.begun

    def end(self, reason: Reason, *, unless_begun: bool = False) -> Recipients | None:
        """Cut all ties for ``reason``; return what to notify of it, or None when the actor had ended before.

        Args:
            reason: why the actor ends.
            unless_begun: whether to do nothing, and return None, if the actor's thread runs.
        """
        with self._lock:
            if self.reason is not None or (unless_begun and self.begun):
                return None
            self.reason = reason
            watchers = list(self._watchers.values())
            recipients = Recipients(self._releases, watchers, self.linked, self._children, self._watched)
            self._releases, self._watchers, self.linked, self._children, self._watched = [], {}, set(), set(), {}
            return recipients


def _no_reference() -> None:
    """Stand for the reference of an actor that has none yet."""
