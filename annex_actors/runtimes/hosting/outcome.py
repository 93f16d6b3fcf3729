"""How a run ends: the driver finishes, or a failure occurs that no restart can heal."""

from __future__ import annotations

from threading import Event
from types import TracebackType

from annex_actors.runtimes import clock
from annex_actors.runtimes.program import RunFailedError

WAKE_UP_S = 0.2
"""Seconds after which a wait wakes up. A Ctrl-C in the instant before a lock begins to wait does not interrupt the
lock: without waking up, the main thread would see it only when the run is over."""


class Outcome:
    """The end of a run: its owner waits for it, its peers and their supervisors decide it; from any thread.

    ``over_at`` is the time when it was decided, None before.
    """

    def __init__(self) -> None:
        self.failed = False
        self.over_at: float | None = None
        self._error: Exception | None = None
        self._trace: TracebackType | None = None
        self._over = Event()
        self.closed = False

    @property
    def over(self) -> bool:
        """Whether the run has finished, failed or been closed."""
        return self._over.is_set()

    def finish(self) -> None:
        """Record that the driver has finished."""
        self._end()

    def fail(self, error: Exception | None) -> None:
        """Record a failure that no restart can heal; None: no such failure. The first one counts."""
        if error is not None and not self.failed and not self.closed:
            self._error, self._trace = error, error.__traceback__
            self.failed = True
            self._end()

    def pause(self, seconds: float) -> None:
        """Wait for so many seconds, or until the run has ended."""
        self._over.wait(seconds)

    def wait(self) -> None:
        """Wait until the run has ended; Ctrl-C interrupts the wait.

        Raises:
            Exception: the failure.
        """
        while not self._over.wait(WAKE_UP_S):
            pass
        if self._error is not None:  # else its traceback would be longer each time that it is raised
            raise self._error.with_traceback(self._trace)
        if self.failed:
            raise RunFailedError("the run has failed, and its job is closed; the first wait said why")

    def take_failure(self) -> Exception | None:
        """Remove and return the failure: its traceback refers to all that was at work."""
        error, self._error, self._trace = self._error, None, None
        return error

    def close(self) -> None:
        """Record that the owner ends the run: nothing that ends from now on is a failure, and every wait returns."""
        self.closed = True
        self._end()

    def _end(self) -> None:
        if self.over_at is None:
            self.over_at = clock.now()
        self._over.set()
