"""How a run ends: the driver has finished, or something failed that no restart helps."""

from __future__ import annotations

from threading import Event

from annex_actors.runtimes.program import RunFailedError

LOOK_UP_S = 0.2
"""Seconds after which a wait looks up. A Ctrl-C that comes in the instant before a lock begins to wait does not
interrupt it: the main thread would notice it when the run is over."""


class Outcome:
    """The end of a run, waited for by its owner and decided by its peers and their supervisors; from any thread."""

    def __init__(self) -> None:
        self.failed = False
        self._error: Exception | None = None
        self._over = Event()
        self.closed = False

    def finish(self) -> None:
        """Note that the driver has finished."""
        self._over.set()

    def fail(self, error: Exception | None) -> None:
        """Note a failure that no restart helps, None for one that a restart may; the first one counts."""
        if error is not None and not self.failed and not self.closed:
            self._error = error
            self.failed = True
            self._over.set()

    def wait(self) -> None:
        """Return when the run has ended; Ctrl-C gets through.

        Raises:
            Exception: the failure.
        """
        while not self._over.wait(LOOK_UP_S):
            pass
        if self._error is not None:
            raise self._error
        if self.failed:
            raise RunFailedError("the run has failed, and its job is closed; the first wait said why")

    def take_failure(self) -> Exception | None:
        """Return the failure, and keep it no longer: its traceback holds all that was at work."""
        error, self._error = self._error, None
        return error

    def close(self) -> None:
        """Note that the owner ends the run: whatever ends from now on is no failure, and a wait elsewhere returns."""
        self.closed = True
        self._over.set()
