"""The host of a run with workers: each peer lives in a worker of its own, or on a thread beside its supervisor."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from threading import Event as Flag
from typing import Any, Protocol

from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import Instrument
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.outcome import WAKE_UP_S
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.workers.commits import Commits
from annex_actors.runtimes.hosting.workers.connections import Connections
from annex_actors.runtimes.hosting.workers.worker_child import WorkerRef
from annex_actors.runtimes.program import PeerSpec, Program
from annex_actors.runtimes.threads import ActorPeer, PeerActor
from supervisors import Child, ChildSpec, Ignore, Ref, StartContext


class ThreadSurroundings:
    """The surroundings of a peer on a thread, whose neighbours and other incarnations may be in workers.

    It commits where they commit, and as often: so a later incarnation finds its commit wherever it lives, and all
    stages have a step at which they all have a commit. Satisfies `Surroundings`.

    Args:
        run: the surroundings of the run's peers in this process.
        commits: of the run.
        number: of the incarnation, as the store counts.
    """

    def __init__(self, run: RunSurroundings, commits: Commits, number: int) -> None:
        self._run = run
        self._commits = commits
        self._number = number

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Return the store's number for this incarnation, and the last commit."""
        return self._number, self._commits.open_here(address, self._number)

    def instrument(self, address: Address, number: int) -> Instrument:
        """See `RunSurroundings`."""
        return self._run.instrument(address, number)

    def heartbeat(self, address: Address) -> Heartbeat:
        """See `RunSurroundings`."""
        return self._run.heartbeat(address)

    def record_start(self, address: Address, incarnation: int, time: float) -> None:
        """See `RunSurroundings`."""
        self._run.record_start(address, incarnation, time)

    def send(self, to: Address, envelope: Envelope) -> None:
        """See `RunSurroundings`."""
        self._run.send(to, envelope)

    def is_due(self, step: int) -> bool:
        """See `Commits.is_due`."""
        return self._commits.is_due(step)

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Write a commit to the log."""
        self._commits.commit(snapshot, number)

    def emit(self, event: Event) -> None:
        """See `RunSurroundings`."""
        self._run.emit(event)


class WorkerPool(Protocol):
    """The workers of a run."""

    @property
    def commits(self) -> Commits:
        """What the stages commit."""

    @property
    def connections(self) -> Connections:
        """Who sends to which incarnation."""

    def start(self, spec: PeerSpec, surroundings: RunSurroundings, context: StartContext) -> Child:
        """Start a peer in a worker, and return its child when it is up.

        Raises:
            Ignore: the run is over.
            RunFailedError: the system kills what starts.
            StartError: no worker can be started.
            BaseException: the exception of the peer.
        """


class WorkerOrThreadHost:
    """Hosts peers in the workers of a pool, and those that begin or have moved on a thread beside it; a `Host`.

    Args:
        pool: of the run's workers.
        program: the run.
    """

    workers = (WorkerKind.PROCESS, WorkerKind.THREAD)

    def __init__(self, pool: WorkerPool, program: Program) -> None:
        self._pool = pool
        self._faults = program.faults
        self._on_threads = program.on_threads

    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        """Return the specification of a peer, each start of which goes to the worker that the peer has by then."""
        return ChildSpec(id=str(spec.address), start=partial(self._start, spec, surroundings))

    def peer(self, ref: WorkerRef | Ref[Any]) -> WorkerRef | ActorPeer:
        """Return a reference to a peer."""
        return ref if isinstance(ref, WorkerRef) else ActorPeer(ref, self._faults)

    def assign(self, address: Address, worker: WorkerKind) -> None:
        """See `Host`."""
        others = self._on_threads - {address}
        self._on_threads = others | {address} if worker is WorkerKind.THREAD else others

    def _start(self, spec: PeerSpec, surroundings: RunSurroundings, context: StartContext) -> Child:
        if spec.address in self._on_threads:
            return self._start_on_thread(spec, surroundings, context)
        return self._pool.start(spec, surroundings, context)

    def _start_on_thread(self, spec: PeerSpec, surroundings: RunSurroundings, context: StartContext) -> Child:
        """Start a peer on a thread, once every worker sends to it here; see `Surroundings`.

        Raises:
            Ignore: the run is over.
            BaseException: the exception of the peer.
        """
        address, all_send = spec.address, Flag()
        number, _ = surroundings.open(address)
        self._pool.connections.connect_here(address, number, spec.routing, all_send.set)
        while not all_send.wait(WAKE_UP_S):
            if surroundings.is_over:
                raise Ignore
        near = ThreadSurroundings(surroundings, self._pool.commits, number)
        started = ChildSpec.of(PeerActor, spec, near, id=context.id).start(replace(context, name=address))
        assert isinstance(started, Child)
        return started
