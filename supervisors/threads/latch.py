"""An event that also calls back, so that a clock of any kind can wait for it, and a thread for several at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import TIMEOUT_MAX, Lock


class Latch:
    """An event that is set once and for good, and then makes the calls registered with it.

    It takes no lock, and so costs little where it is never waited for: a thread first registers its call and then looks
    whether the latch is set; the one that sets it first sets it and then makes the calls. Taking a call out is one step
    of the interpreter, so each is made once. A wait is the call that releases a lock of its own.
    """

    __slots__ = ("_calls", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        self._calls: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        """Return whether the latch is set."""
        return self._is_set

    def set(self) -> None:
        """Set the latch, and make every call given to `on_set`, in the thread that sets it first."""
        self._is_set = True
        self._make_calls()

    def set_in_child(self) -> None:
        """Set the latch of a process that this one was forked from: what waits for it is not here."""
        self._is_set, self._calls = True, []

    def on_set(self, call: Callable[[], object]) -> None:
        """Make ``call`` when the latch is set, at once if it is."""
        self._calls.append(call)
        if self._is_set:
            self._make_calls()

    def forget(self, call: Callable[[], object]) -> None:
        """Undo `on_set`; a call that was made is no error."""
        with suppress(ValueError):
            self._calls.remove(call)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the latch is set; return whether it is.

        Args:
            timeout: seconds to wait; None waits for ever.
        """
        if self._is_set:
            return True
        lock = Lock()
        lock.acquire()
        wake = lock.release
        self.on_set(wake)
        try:
            lock.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), TIMEOUT_MAX))
        finally:
            self.forget(wake)
        return self._is_set

    def _make_calls(self) -> None:
        while self._calls:
            try:
                call = self._calls.pop(0)
            except IndexError:  # another thread has taken the last one
                return
            call()
