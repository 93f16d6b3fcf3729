"""A clock that moves only when it is told to."""

from __future__ import annotations

import threading

from supervisors.rules.options import number, waiting_time, whole
from supervisors.threads.latch import Latch


class ManualClock:
    """A `supervisors.Clock` for tests.

    Args:
        now: the seconds that it shows at first.
    """

    def __init__(self, now: float = 0.0) -> None:
        self._now = number("now", now)
        self._waiters: dict[threading.Event, float] = {}
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        """Return the seconds that the clock shows."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``, and wake the threads whose time has come."""
        number("seconds", seconds, at_least=0)
        with self._changed:
            self._now += seconds
            for woken, due in self._waiters.items():
                if due <= self._now:
                    woken.set()

    def advance_to_next(self) -> float:
        """Wait until a thread waits for a time, move on to the earliest such time, and return by how many seconds.

        Raises:
            TimeoutError: no thread came to wait within ten real seconds.
        """
        self.wait_for_waiters()
        with self._changed:
            seconds = min(due for due in self._waiters.values() if due > self._now) - self._now
        self.advance(seconds)
        return seconds

    def wait(self, latch: Latch, timeout: float | None) -> bool:
        """Wait until ``latch`` is set or the clock has been advanced by ``timeout``; return whether it is set."""
        if timeout is not None and timeout <= 0:
            return latch.is_set()
        woken = threading.Event()
        latch.on_set(woken.set)
        if timeout is not None:
            self._enter(woken, timeout)
        woken.wait()
        latch.forget(woken.set)
        self._leave(woken)
        return latch.is_set()

    def wait_for_waiters(self, count: int = 1, *, timeout: float = 10.0) -> None:
        """Wait until ``count`` threads wait for a time to come.

        Args:
            count: how many, >= 1. The timer thread is one of them while it has something to do.
            timeout: real seconds after which this fails.

        Raises:
            TimeoutError: there were not so many in time.
        """
        whole("count", count, at_least=0)
        seconds = waiting_time(timeout)
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting() >= count, seconds):
                raise TimeoutError(f"expected {count} threads to wait for the clock, got {self._waiting()}")

    def _waiting(self) -> int:
        return sum(due > self._now for due in self._waiters.values())

    def _enter(self, woken: threading.Event, timeout: float) -> None:
        with self._changed:
            self._waiters[woken] = self._now + timeout
            self._changed.notify_all()

    def _leave(self, woken: threading.Event) -> None:
        with self._changed:
            self._waiters.pop(woken, None)
