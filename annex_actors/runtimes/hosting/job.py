"""The owner's side of a run whose peers live under supervisors: wait for it, halt it, close it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any, Protocol, runtime_checkable

from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import Address, Message
from annex_actors.protocol.survey import SURVEYOR
from annex_actors.runtimes import clock
from annex_actors.runtimes.blas import blas_threads
from annex_actors.runtimes.hosting.driver import Driver
from annex_actors.runtimes.hosting.failures import chained, one_line
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.judge import Judge
from annex_actors.runtimes.hosting.moves import Mover
from annex_actors.runtimes.hosting.observers import Observers
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.peer_ref import Host, PeerRef, Peers
from annex_actors.runtimes.hosting.probed import Probed
from annex_actors.runtimes.hosting.standstill import Surveyor
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.tree import start_tree
from annex_actors.runtimes.hosting.watchdog import Watchdog
from annex_actors.runtimes.main_guard import check_main_guard
from annex_actors.runtimes.program import Job, PeerSpec, Program, RunFailedError
from supervisors import ChildReady, Ref, Registry, StartError, SupervisorRef, ThreadChild
from supervisors import Event as TreeEvent

ORPHANS_S = 5.0
"""Seconds to wait for actors whose supervisor was killed; then they are abandoned, so that no wait is for ever."""


@runtime_checkable
class HostedJob(Job, Protocol):
    """A job whose peers can be reached one by one, for instance to inject faults."""

    def peer(self, address: Address) -> PeerRef | None:
        """Return a peer's current incarnation; None while it is not up."""

    def heartbeats(self, address: Address) -> tuple[Heartbeat, ...]:
        """Return the heartbeats of all incarnations of a peer, the first one first."""

    def probe(self, address: Address, on_answer: Callable[[Probed], None], *, deep: bool = False) -> bool:
        """Have a peer's host say how the peer does; see `PeerRef.probe`. Return False while the peer is not up."""

    def move(self, address: Address, worker: WorkerKind | str, *, block: bool = True) -> None:
        """Move a layer or the reader to another worker, as a planned death: no bit of the result changes.

        Its supervisor starts it there even if it is just being restarted, and all its later incarnations too.

        Args:
            address: of the peer.
            worker: ``thread``, of the supervising process, or ``process``, a new one; where the runtime has it.
            block: whether to return only when the peer is up again, or its start has failed and will be tried again.

        Raises:
            ConfigError: there is no such peer or worker, or the run is over.
        """

    @property
    def workers(self) -> tuple[WorkerKind, ...]:
        """The kinds of workers to which a layer may move."""

    @property
    def tree(self) -> SupervisorRef:
        """The root of the supervision tree."""


class SupervisedJob:
    """A program whose peers live in a supervision tree; a `HostedJob`.

    Args:
        program: what to run.
        host_of: returns the host of each peer.
        needed: a resource of the hosts; closed after the last peer has ended.

    Raises:
        ConfigError: the program is being imported by a process of one of its own layers.
        RunFailedError: the tree does not start.
    """

    def __init__(
        self, program: Program, host_of: Callable[[PeerSpec], Host], needed: AbstractContextManager[Any] | None = None
    ) -> None:
        self._began = clock.now()
        check_main_guard()
        hosts = {spec.address: host_of(spec) for spec in program.peers}
        self.registry = Registry()
        self._outcome = outcome = Outcome()
        self._peers = Peers(self.registry, hosts)
        self._driver = Driver(program, self._peers, self.registry, outcome)
        self._actors = _Actors(self.registry, hosts)
        self._resources = ExitStack()
        observers = Observers(program.observers, self.registry, program.trace)
        judge = Judge(program, self._peers, observers, outcome)
        surveyor = Surveyor(program, self._peers, outcome)
        watchdog = Watchdog(
            program.supervision.hang_seconds, judge.on_hang, surveyor.begin, partial(_unwatched, outcome)
        )
        self._surroundings = RunSurroundings(program, self.registry, observers, outcome, watchdog, surveyor.void)
        self._mover = Mover(program, hosts, self._surroundings, outcome)
        self.workers = hosts[program.stages[0].address].workers
        hooks = [each.on_tree_event for each in (self._actors, self._surroundings, judge, self._driver)]
        try:
            self.registry.register(SURVEYOR, surveyor)
            self._resources.callback(self.registry.unregister, SURVEYOR)
            threads = blas_threads(program.blas_threads)
            line = self._surroundings.line or nullcontext()
            for needs in (program.trace or nullcontext(), needed or nullcontext(), threads, line, watchdog):
                self._resources.enter_context(needs)
            children = {spec.address: hosts[spec.address].child(spec, self._surroundings) for spec in program.peers}
            self._run = start_tree(program, children, observers.children(), hooks, self.registry)
        except BaseException as error:
            self._release()
            if isinstance(error, StartError):
                failure = RunFailedError(f"the run did not start: {one_line(error)}")
                raise outcome.take_failure() or failure from error
            raise
        ThreadChild(self._run).watch(
            lambda reason: outcome.fail(RunFailedError(f"the run's supervisor ended: {reason}"))
        )

    @property
    def restarts(self) -> int:
        """How often any peer was restarted."""
        return self._surroundings.restarts

    @property
    def seconds(self) -> float:
        """See `Job.seconds`."""
        over_at = self._outcome.over_at
        return (clock.now() if over_at is None else over_at) - self._began

    @property
    def failed(self) -> bool:
        """Whether the run has failed, so that no restart helps any more."""
        return self._outcome.failed

    def wait(self) -> None:
        """Wait until the driver has finished; Ctrl-C interrupts the wait.

        Raises:
            RunFailedError: see `Job.wait`.
            UserError: see `Job.wait`.
        """
        self._outcome.wait()

    def halt(self) -> None:
        """Ask the driver to feed no further step, and to finish those that were fed."""
        self._driver.halt()

    def ask(self, question: Message) -> Message:
        """Ask the driver, and return its answer; see `Job.ask`."""
        return self._driver.ask(question)

    def fail(self, error: RunFailedError) -> None:
        """End the run with a failure that its owner has found; see `Job.fail`."""
        self._outcome.fail(error)

    def emit(self, event: Event) -> None:
        """Show an event to every observer."""
        self._surroundings.emit(clock.stamped(event))

    def peer(self, address: Address) -> PeerRef | None:
        """Return a peer's current incarnation; None while it is not up."""
        return self._peers.at(address)

    def heartbeats(self, address: Address) -> tuple[Heartbeat, ...]:
        """Return the heartbeats of all incarnations of a peer, the first one first."""
        return self._surroundings.heartbeats(address)

    def probe(self, address: Address, on_answer: Callable[[Probed], None], *, deep: bool = False) -> bool:
        """Have a peer's host say how the peer does; see `HostedJob.probe`."""
        peer, heartbeats = self._peers.at(address), self._surroundings.heartbeats(address)
        if peer is None or not heartbeats:
            return False
        peer.probe(on_answer, heartbeats[-1].waiting, deep=deep)
        return True

    def move(self, address: Address, worker: WorkerKind | str, *, block: bool = True) -> None:
        """Move a layer or the reader to another worker; see `HostedJob.move`."""
        self._mover.move(address, worker, block=block)

    @property
    def tree(self) -> SupervisorRef:
        """The root of the supervision tree."""
        return self._run

    def close(self) -> None:
        """Stop the tree from right to left: the observers last, so that they see every other peer stop."""
        if self._outcome.closed:
            return
        self._outcome.close()
        self._run.stop()
        self._release()
        self._outcome.take_failure()

    def _release(self) -> None:
        self._actors.end_orphans()
        self._resources.close()


def _unwatched(outcome: Outcome, error: Exception) -> None:
    """End a run whose watchdog has failed; no method of the job, which the watchdog would keep alive."""
    outcome.fail(chained(RunFailedError(f"the watchdog has failed: {one_line(error)}"), error))


class _Actors:
    """The newest actor of each child in the tree. A supervisor waits for its children, unless it is killed."""

    def __init__(self, registry: Registry, peers: Iterable[Address]) -> None:
        self._registry = registry
        self._addresses = {str(address): address for address in peers}
        self._refs: dict[str, Ref[Any]] = {}

    def on_tree_event(self, event: TreeEvent) -> None:
        """Record an actor that is up; a hook of the tree."""
        if isinstance(event, ChildReady):
            ref = self._registry.whereis(self._addresses.get(event.id, event.spec.name))
            if isinstance(ref, Ref):  # and no process, which ends with this one
                self._refs[event.id] = ref

    def end_orphans(self) -> None:
        """Wait for all actors, and abandon those that do not end."""
        refs, self._refs = self._refs, {}
        for ref in refs.values():
            if ref.wait(ORPHANS_S) is None:
                ThreadChild(ref).abandon()
