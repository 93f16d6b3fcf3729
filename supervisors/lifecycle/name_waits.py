"""Waits for an actor of a name: in threads, in actors and in coroutines."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.lineage import is_to_stop
from supervisors.lifecycle.waiting import wait_for
from supervisors.rules.errors import NotFound, Stopping
from supervisors.rules.printing import shown
from supervisors.threads.coroutines import latch_is_set
from supervisors.threads.latch import Latch


class Names(Protocol):
    """What a wait asks of a registry."""

    def whereis(self, key: Hashable) -> Any | None:
        """Return the reference that ``key`` stands for now, or None."""

    def names(self) -> list[Hashable]:
        """Return all keys."""

    def add_listener(self, listener: Callable[[Any], None]) -> None:
        """Call ``listener`` with every later change."""

    def remove_listener(self, listener: Callable[[Any], None]) -> None:
        """Undo `add_listener`."""


class TimeLeft:
    """The rest of a time in which several things are to be done.

    Args:
        timeout: seconds from now on; None for any time.
    """

    def __init__(self, timeout: float | None) -> None:
        self._due = None if timeout is None else time.monotonic() + timeout

    def seconds(self) -> float | None:
        """Return the seconds left, >= 0; None for any time."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def at_most(self, seconds: float | None) -> float | None:
        """Return the smaller of ``seconds`` and the seconds left."""
        left = self.seconds()
        return min((each for each in (left, seconds) if each is not None), default=None)


def wait_for_name(names: Names, key: Hashable, timeout: float | None, *, other_than: Any = None) -> Any:
    """Return the reference that ``key`` stands for, as soon as there is one.

    Args:
        names: where it is looked up.
        key: the name.
        timeout: seconds to wait; None waits for ever.
        other_than: a reference that does not count, since its actor ends.

    Raises:
        NotFound: there is none in time.
        Stopping: the actor that waits is told to stop.
    """
    time_left, give_up = TimeLeft(timeout), partial(_give_up, key)
    while True:
        with _next_change(names) as changed:
            found = names.whereis(key)
            if found is not None and found is not other_than:
                return found
            if not wait_for(changed, time_left.seconds(), give_up=give_up):
                raise _not_found(names, key)


async def wait_for_name_async(names: Names, key: Hashable, timeout: float | None, *, other_than: Any = None) -> Any:
    """Do as `wait_for_name` does; the event loop goes on meanwhile."""
    time_left = TimeLeft(timeout)
    while True:
        with _next_change(names) as changed:
            found = names.whereis(key)
            if found is not None and found is not other_than:
                return found
            if not await latch_is_set(changed, time_left.seconds()):
                raise _not_found(names, key)


@contextmanager
def _next_change(names: Names) -> Iterator[Latch]:
    """Surround a look-up: the latch is set at the next change, so that one during the look-up is not missed."""
    changed = Latch()

    def note(_event: object) -> None:
        changed.set()

    names.add_listener(note)
    try:
        yield changed
    finally:
        names.remove_listener(note)


def _give_up(key: Hashable, waiter: ActorState) -> None:
    if is_to_stop(waiter):
        raise Stopping(f"{waiter.label} is told to stop, and waits no more for an actor of the name {key!r}")


def _not_found(names: Names, key: Hashable) -> NotFound:
    known = ", ".join(map(shown, names.names()[:10])) or "none"
    return NotFound(f"expected an actor of the name {key!r}, there was none in time; there is {known}", key)
