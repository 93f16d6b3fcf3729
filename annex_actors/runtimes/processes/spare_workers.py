"""Spare processes, already started: importing the program, as each must, would take most of the time of a recovery."""

from __future__ import annotations

from collections import deque
from threading import Lock

from annex_actors.runtimes.hosting.failures import PeerError, one_line
from annex_actors.runtimes.hosting.workers.startup import START_S
from annex_actors.runtimes.processes.fork_server_process import ForkServerDied, ForkServerProcess
from annex_actors.runtimes.processes.worker_process import ProcessDied, WorkerProcess
from supervisors import StartError


class SpareWorkers:
    """All processes of a run: those that wait, and those that were taken.

    Args:
        count: how many wait at a time; a process that is taken is replaced.
        load: see `WorkerProcess`.
    """

    def __init__(self, count: int, load: tuple[str, ...] = ()) -> None:
        self._load = load
        self._count = count
        self._waiting: deque[WorkerProcess] = deque()
        self._all: list[WorkerProcess] = []
        self._fork_server = ForkServerProcess(START_S)
        self._lock = Lock()
        self._closed = False
        self._started = 0

    def fill(self, count: int) -> None:
        """Start processes, all at once, until ``count`` wait.

        Raises:
            StartError: the run is ending, the system allows no more processes, or it killed what starts them.
        """
        while len(self._waiting) < count:
            with self._lock:  # so that `close` finds every process that was started
                if self._closed:
                    raise StartError("expected a run that goes on, got one at its end")
                self._started += 1
                try:
                    process = WorkerProcess(f"worker-{self._started}", self._fork_server, self._load)
                except OSError as error:
                    raise StartError(f"expected one more process, got: {error}") from error
                except ForkServerDied as error:
                    death = _death(error)
                    raise _not_started(death, error.output) from death
                self._all = [each for each in self._all if not each.closed]
                self._all.append(process)
                self._waiting.append(process)

    def take(self) -> WorkerProcess:
        """Return a process that is ready, and start another in its place.

        The other process is started before waiting for this one, so that after many deaths several start at once.

        Raises:
            StartError: see `fill`; or a process took too long, or ended while it started, for the reason in its cause.
        """
        process = self._next()
        try:
            self.fill(self._count)
        except StartError:
            self._waiting.appendleft(process)
            raise
        if process.ready.wait(START_S) and not process.gone:
            return process
        raise _failure(process)

    def _next(self) -> WorkerProcess:
        """Return the first process that waits and has not ended, or a new one: those that have are of no concern."""
        while self._waiting:
            process = self._waiting.popleft()
            if not process.gone:
                return process
            process.close()
        self.fill(1)
        return self._waiting.popleft()

    def await_first(self) -> None:
        """Wait until a process is ready.

        Raises:
            StartError: see `take`.
        """
        self._waiting.appendleft(self.take())

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            left, self._all = self._all, []
        self._waiting.clear()
        for process in left:
            process.kill()
        for process in left:
            process.close()
        self._fork_server.close()


def _failure(process: WorkerProcess) -> StartError:
    """Return why a process did not start, and close it."""
    in_time = process.gone
    process.close()
    if not in_time:
        wrote = [f" It wrote: {line}" for line in process.output().splitlines()[-1:]]
        return StartError(
            f"a process was not ready within {START_S:g} s; each imports the program: does its work begin under "
            f"`if __name__ == '__main__':`?{''.join(wrote)}"
        )
    return _not_started(process.error())


def _death(error: ForkServerDied) -> PeerError:
    """Return how the fork server has ended: by a signal, after which it is started again, or by a fault of its own."""
    if error.code < 0 or error.output == KeyboardInterrupt.__name__:  # a Python at its start handles no signal yet
        return ProcessDied(error.code, None)
    return PeerError(f"ended with exit code {error.code}", None)


def _not_started(cause: BaseException | None, wrote: str = "") -> StartError:
    why = one_line(cause) if cause else "it was told to end"
    failure = StartError(f"a process did not start: {why}{f'. It wrote: {wrote}' if wrote else ''}")
    failure.__cause__ = cause
    return failure
