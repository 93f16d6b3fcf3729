"""Every peer is a Pykka actor; all share as many threads as there are cores, the most urgent work first.

There is one run queue for all layers: an input gradient that others wait for goes before a forward, a forward before a
weight gradient, in whatever layer. The operating system knows no such order, and threads that share two cores delay
each other. And a message to a layer on the same thread costs no switch between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annex_actors.base import checks
from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.mailbox import Urgency
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import InjectedFaults
from annex_actors.runtimes.hosting.job import HostedJob, SupervisedJob
from annex_actors.runtimes.hosting.node_host import NodeHost, Surroundings
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.program import PeerSpec, Program
from annex_actors.runtimes.threads import ActorPeer
from supervisors import ChildSpec, Ref, ScheduledActor, Scheduler


class ScheduledPeer(ScheduledActor):
    """Hosts one node, without a thread of its own.

    Args:
        scheduler: runs it on one of its threads.
        spec: the stage or trainer.
        surroundings: of the run.
    """

    def __init__(self, scheduler: Scheduler, spec: PeerSpec, surroundings: Surroundings) -> None:
        super().__init__(scheduler)
        self._spec = spec
        self._surroundings = surroundings

    def on_start(self) -> None:
        """Load the last commit, and ask the neighbours for what came after it."""
        self._peer = NodeHost(self._spec, self._surroundings)
        self._peer.start(self.incarnation)

    def on_receive(self, envelope: Envelope) -> None:
        """Give an envelope to the node."""
        self._peer.node.receive(envelope)

    def urgency(self) -> Urgency | None:
        """Return how urgent the node's next piece of work is."""
        return self._peer.node.urgency()

    def on_turn(self) -> None:
        """Do the node's next piece of work, and carry out its effects."""
        self._peer.work()


@dataclass(frozen=True, slots=True)
class ScheduledHost:
    """Hosts peers on the threads of a scheduler; a `Host`.

    Args:
        scheduler: of all the peers.
        faults: see `Program`.
    """

    scheduler: Scheduler
    faults: InjectedFaults | None = None

    workers = (WorkerKind.THREAD,)

    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        """Return the specification of a peer on the scheduler."""
        address = spec.address
        return ChildSpec.of(ScheduledPeer, self.scheduler, spec, surroundings, id=str(address), name=address)

    def peer(self, ref: Ref[Any]) -> ActorPeer:
        """Return a reference to a peer: a scheduled actor is killed like one with a thread of its own."""
        return ActorPeer(ref, self.faults)

    def assign(self, address: Address, worker: WorkerKind) -> None:
        """Do nothing: all threads are those of the scheduler."""


_MOST = 10_000
"""More threads than any machine has cores."""


@dataclass(frozen=True, slots=True)
class SchedulersRuntime:
    """As many threads as cores for all peers.

    Args:
        threads: how many threads, >= 1; None: one for each core that the process may use.

    Raises:
        ConfigError: a number out of range.
    """

    threads: int | None = None

    name = "schedulers"

    def __post_init__(self) -> None:
        if self.threads is not None:
            checks.keep(self, threads=checks.whole_number("threads", self.threads, at_least=1, limit=_MOST))

    def start(self, program: Program) -> HostedJob:
        """Start the scheduler and the supervision tree."""
        scheduler = Scheduler(self.threads, name="layers")
        host = ScheduledHost(scheduler, program.faults)
        return SupervisedJob(program, lambda spec: host, scheduler)
