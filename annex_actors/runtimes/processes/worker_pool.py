"""The pool of a run's worker processes, from which each peer gets one."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import NoReturn, Self

from annex_actors.base.errors import UserError
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.workers.assignments import assignment
from annex_actors.runtimes.hosting.workers.commits import FilledStore
from annex_actors.runtimes.hosting.workers.connections import Connections
from annex_actors.runtimes.hosting.workers.control_messages import Assign, Connect
from annex_actors.runtimes.hosting.workers.start_limit import StartLimit
from annex_actors.runtimes.hosting.workers.startup import Startup
from annex_actors.runtimes.hosting.workers.worker_child import WorkerChild, WorkerRef
from annex_actors.runtimes.processes.commit_logs import CommitLogs
from annex_actors.runtimes.processes.slab import SlabWriter, new_slab
from annex_actors.runtimes.processes.spare_workers import SpareWorkers
from annex_actors.runtimes.processes.two_ends import two_ends
from annex_actors.runtimes.processes.worker_process import WithFiles, WorkerProcess
from annex_actors.runtimes.program import PeerSpec, Program, RunFailedError
from supervisors import StartContext, StartError


class WorkerPool:
    """Starts peers in processes. Its exit ends them all and copies their last commits to the program's store.

    Peers beside it, in the supervising process, find ``commits`` and ``connections`` here; the trainer commits to its
    ``store``.

    Args:
        program: the run.
        spares: how many processes wait in reserve.
        affinity: pin each process to a core of its own, as long as there are enough.
        commit_every: steps between two commits of a stage.
        load: see `WorkerProcess`.
    """

    def __init__(
        self, program: Program, *, spares: int, affinity: bool, commit_every: int = 1, load: tuple[str, ...] = ()
    ) -> None:
        self._program = program
        self._spares = SpareWorkers(spares, load)
        self._first = len(program.served) - len(program.on_threads) + spares
        self._commit_every = commit_every
        self._cores = sorted(os.sched_getaffinity(0)) if affinity else []
        self._limit = StartLimit(program.supervision)
        self.commits = CommitLogs(program.store, commit_every)
        self.store = FilledStore(program.store, self.commits)
        self.connections = Connections(_join)

    def __enter__(self) -> Self:
        """Start the processes, and make the logs of their commits.

        Raises:
            RunFailedError: no process can be started, or none that can import what the program imports; or the system
                kills what starts.
            UserError: a process found a mistake in the program or in a setting.
        """
        try:
            self.commits.open(spec.address for spec in self._program.served)
            self._limit.tried(self._program.stages[0].label, self._start_first, time.sleep)
        except BaseException as error:
            self._close()
            if isinstance(error, StartError):
                _raise_failed_start(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spares.close()
        self.commits.copy_all()
        self._close()

    def start(self, spec: PeerSpec, surroundings: RunSurroundings, context: StartContext) -> WorkerChild:
        """Start a peer in a process, and return its child when it is up.

        Raises:
            Ignore: the run is over.
            RunFailedError: the system kills what starts.
            StartError: no process can be started.
            BaseException: the exception of the peer.
        """
        start = partial(self._start, spec, surroundings, context.incarnation)
        child = self._limit.tried(spec.label, start, surroundings.pause)
        self._limit.record_up()
        return child

    def _start_first(self) -> None:
        self._spares.fill(self._first)
        self._spares.await_first()

    def _start(self, spec: PeerSpec, surroundings: RunSurroundings, incarnation: int) -> WorkerChild:
        number, _ = surroundings.open(spec.address)
        process = self._spares.take()
        self._pin(spec.address, process.pid)
        assigned = assignment(self._program, spec, incarnation, number, self._commit_every, surroundings)
        assign = partial(self._assign, process)
        return Startup(assigned, process, surroundings, self.connections, self.commits, self._program, assign).run()

    def _assign(self, process: WorkerProcess, assigned: Assign) -> None:
        """Send an assignment with its open files: for commits, heartbeat, arrays from here, and trace if there is one.

        A process that has ended gets nothing; its exit is noticed.
        """
        heartbeat, trace = process.heartbeat_file(), self._program.trace
        if heartbeat is not None:
            slab, address = new_slab(), assigned.spec.address
            fds = [self.commits.duplicate_fd(address, assigned.number), heartbeat, os.dup(slab)]
            fds += [trace.memory_of(address, assigned.number)] if trace else []
            process.send(WithFiles(assigned, fds, slab=SlabWriter(slab)))

    def _pin(self, address: Address, pid: int) -> None:
        if self._cores:
            index = [spec.address for spec in self._program.served].index(address)
            with suppress(ProcessLookupError):  # it has ended, which its start will notice
                os.sched_setaffinity(pid, {self._cores[index % len(self._cores)]})

    def _close(self) -> None:
        self._spares.close()
        self.commits.close()


def _join(one: WorkerRef, other: WorkerRef) -> None:
    """Send the two ends of a new connection to two processes.

    Raises:
        OSError: the system allows no more open files.
    """
    here, there = two_ends()
    one.worker.send(WithFiles(Connect(other.address, other.number), here))
    other.worker.send(WithFiles(Connect(one.address, one.number), there))


def _raise_failed_start(error: StartError) -> NoReturn:
    """Raise an error that says why no process is up: a mistake that the process found in the program, if it did."""
    cause, error.__cause__ = error.__cause__, None  # else it would become its own context
    try:
        if isinstance(cause, UserError):
            raise cause.with_traceback(None) from None
        raise RunFailedError(f"the run did not start: {error}") from cause
    finally:
        del cause  # else it and the frame of its traceback would refer to each other
