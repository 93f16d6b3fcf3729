"""Who is to hear of an actor's end: watchers, links, children, and whoever keeps its name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisors.reasons import NOPROC, Reason
from supervisors.signals import ExitSignal, StopSignal

if TYPE_CHECKING:
    from supervisors.cell import Cell

Watcher = Callable[[Reason], None]


@dataclass(frozen=True, slots=True)
class Heirs:
    """All who were to hear of an end, taken out at the moment of it.

    Args:
        releases: to be called first: they free what others may want to have again.
        watchers: to be called with the reason.
        links: to be sent an exit signal.
        children: to be stopped.
    """

    releases: list[Callable[[], None]]
    watchers: list[Watcher]
    links: set[Cell]
    children: set[Cell]


class Bonds:
    """The bonds of one actor, and its end, under one lock: nobody who comes is told twice or never.

    Args:
        cell: whose bonds they are.
    """

    def __init__(self, cell: Cell) -> None:
        self.reason: Reason | None = None
        self.begun = False
        self.links: set[Cell] = set()
        self._cell = cell
        self._lock = threading.Lock()
        self._watchers: dict[object, Watcher] = {}
        self._releases: list[Callable[[], None]] = []
        self._children: set[Cell] = set()

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` once with the reason when the actor has ended, at once if it already has.

        Args:
            watcher: called in the thread that ends the actor; must be quick.
        """
        if not self._add_watcher(watcher, watcher) and self.reason is not None:
            watcher(self.reason)

    def monitor(self, watcher: Watcher, *, key: object) -> None:
        """Do as `watch`, with OTP's ``noproc`` for an actor that had ended before.

        Args:
            watcher: called in the thread that ends the actor; must be quick.
            key: what `demonitor` will be given.
        """
        if not self._add_watcher(key, watcher):
            watcher(NOPROC)

    def _add_watcher(self, key: object, watcher: Watcher) -> bool:
        with self._lock:
            if self.reason is None:
                self._watchers[key] = watcher
            return self.reason is None

    def demonitor(self, key: object) -> None:
        """Forget the watcher registered under ``key``; unknown keys are no error."""
        with self._lock:
            self._watchers.pop(key, None)

    def on_release(self, release: Callable[[], None]) -> bool:
        """Call ``release`` at the end, before anybody hears of it; return False if the actor has ended already."""
        with self._lock:
            if self.reason is None:
                self._releases.append(release)
            return self.reason is None

    def adopt(self, child: Cell) -> None:
        """Make this actor the parent of ``child``, which stops when its parent ends in whatever way."""
        with self._lock:
            if self.reason is None:
                self._children.add(child)
                return
        child.mailbox.signal(StopSignal(NOPROC))

    def disown(self, child: Cell) -> None:
        """Forget a child that has ended."""
        with self._lock:
            self._children.discard(child)

    def link(self, other: Cell) -> None:
        """Link two actors; a repeated link is no second one."""
        if other is self._cell:
            return
        self.links.add(other)
        if not other.bonds._accept_link(self._cell):
            self._cell.mailbox.signal(ExitSignal(other, NOPROC))

    def _accept_link(self, other: Cell) -> bool:
        with self._lock:
            if self.reason is None:
                self.links.add(other)
            return self.reason is None

    def unlink(self, other: Cell) -> None:
        """Undo `link`; afterwards no exit signal of ``other`` has any effect here."""
        self.links.discard(other)
        other.bonds._drop_link(self._cell)

    def _drop_link(self, other: Cell) -> None:
        with self._lock:
            self.links.discard(other)

    def begin(self) -> bool:
        """Note that the actor's thread runs; return False if the actor has been ended before that."""
        with self._lock:
            self.begun = self.reason is None
            return self.begun

    def cut(self, reason: Reason, *, unless_begun: bool = False) -> Heirs | None:
        """End all bonds for ``reason``; return who is to hear of it, or None when that had been done before.

        Args:
            reason: why the actor ends.
            unless_begun: whether to leave an actor alone, and return None, whose thread runs.
        """
        with self._lock:
            if self.reason is not None or (unless_begun and self.begun):
                return None
            self.reason = reason
            heirs = Heirs(self._releases, list(self._watchers.values()), self.links, self._children)
            self._releases, self._watchers, self.links, self._children = [], {}, set(), set()
            return heirs
