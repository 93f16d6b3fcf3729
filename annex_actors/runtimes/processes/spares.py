"""Processes that have started and wait: most of the time of a recovery is the start of Python and NumPy."""

from __future__ import annotations

from collections import deque
from threading import Lock

from annex_actors.runtimes.failures import one_line
from annex_actors.runtimes.processes.process import ProcessDied, WorkerProcess
from supervisors import StartError

START_S = 60.0
"""Seconds that a process may take to start, which is to import what the program imports."""

ATTEMPTS = 10
"""How many processes in a row may be killed, in reserve or while they start; somebody who kills each is no accident."""


class Spares:
    """All processes of a run, those that wait and those that were taken.

    Args:
        count: how many wait at a time; one that is taken is replaced.
        load: see `WorkerProcess`.
    """

    def __init__(self, count: int, load: tuple[str, ...] = ()) -> None:
        self._load = load
        self._count = count
        self._waiting: deque[WorkerProcess] = deque()
        self._all: list[WorkerProcess] = []
        self._lock = Lock()
        self._closed = False
        self._started = 0

    def fill(self, count: int) -> None:
        """Start processes until ``count`` wait; they start side by side.

        Raises:
            StartError: the run is at its end, or the system allows no more processes.
        """
        while len(self._waiting) < count:
            with self._lock:  # so that `close` finds every process that was started
                if self._closed:
                    raise StartError("expected a run that goes on, got one at its end")
                self._started += 1
                try:
                    process = WorkerProcess(f"worker-{self._started}", self._load)
                except OSError as error:
                    raise StartError(f"expected one more process, got: {error}") from error
                self._all = [each for each in self._all if not each.closed]
                self._all.append(process)
                self._waiting.append(process)

    def take(self) -> WorkerProcess:
        """Return a process that is ready, and start another in its place.

        Raises:
            StartError: see `await_first`.
        """
        self.await_first()
        process = self._waiting.popleft()
        self.fill(self._count)
        return process

    def await_first(self) -> None:
        """Return when a process is ready. One that somebody kills meanwhile is replaced, a few times.

        Raises:
            StartError: see `fill`; or a process took too long, or ended while it started: its cause is what that said.
        """
        for attempt in range(1, ATTEMPTS + 1):
            self.fill(1)
            process = self._waiting[0]
            if process.ready.wait(START_S) and not process.gone:
                return
            del self._waiting[0]
            error = _failure(process)
            killed = isinstance(error.__cause__, ProcessDied) and error.__cause__.from_outside
            if not killed or attempt == ATTEMPTS:
                raise error

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            self._closed = True
            left, self._all = self._all, []
        self._waiting.clear()
        for process in left:
            process.kill()
        for process in left:
            process.close()


def _failure(process: WorkerProcess) -> StartError:
    """Return why a process did not start, and let go of it."""
    in_time = process.gone
    process.close()
    if not in_time:
        wrote = [f" It wrote: {line}" for line in process.output().splitlines()[-1:]]
        return StartError(
            f"a process was not ready within {START_S:g} s; each imports the program: does its work begin under "
            f"`if __name__ == '__main__':`?{''.join(wrote)}"
        )
    cause = process.error()
    failure = StartError(f"a process did not start: {one_line(cause) if cause else 'it was told to end'}")
    failure.__cause__ = cause
    return failure
