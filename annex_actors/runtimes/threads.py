"""Every peer is a Pykka actor on a thread of its own; they run in parallel while NumPy releases the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import InjectedFaults, LayerFault
from annex_actors.runtimes.hosting.job import HostedJob, SupervisedJob
from annex_actors.runtimes.hosting.node_host import NodeHost, Surroundings
from annex_actors.runtimes.hosting.probed import Probed, probed
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.program import PeerSpec, Program
from supervisors import KILLED, Actor, ChildSpec, Ref, kill


class PeerActor(Actor):
    """Hosts one node: gives it the envelopes that arrive, and carries out the effects of its work.

    Args:
        spec: the stage or trainer.
        surroundings: of the run.
    """

    def __init__(self, spec: PeerSpec, surroundings: Surroundings) -> None:
        super().__init__()
        self._spec = spec
        self._surroundings = surroundings

    def on_start(self) -> None:
        """Load the last commit, and ask the neighbours for what came after it."""
        self._peer = NodeHost(self._spec, self._surroundings)
        self._peer.start(self.incarnation)

    def on_receive(self, envelope: Envelope) -> None:
        """Give an envelope to the node, then work until the next one arrives.

        All that has arrived must be in the node's mailbox before the discipline chooses. So this returns where more
        envelopes wait, and the next call works on.
        """
        peer, arrived = self._peer, self.actor_inbox
        peer.node.receive(envelope)
        while arrived.empty() and peer.work():
            pass


@dataclass(frozen=True, slots=True)
class ActorPeer:
    """A peer that is an actor in this process; a `PeerRef`.

    Args:
        ref: the actor.
        faults: see `Program`.
    """

    ref: Ref[Any]
    faults: InjectedFaults | None = None

    @property
    def incarnation(self) -> int:
        """The number of this incarnation, as its supervisor counts."""
        return self.ref.incarnation

    @property
    def pid(self) -> None:
        """None: it shares the process with its supervisor."""
        return None

    @property
    def node(self) -> str:
        """Nothing: it is where its supervisor is."""
        return ""

    def tell(self, envelope: Envelope) -> None:
        """Send an envelope."""
        self.ref.tell(envelope)

    def kill(self) -> None:
        """Raise an exception in its thread; code that never returns to the interpreter goes on."""
        self.ref.exit(KILLED)

    def end(self) -> None:
        """Ask it to stop, then raise an exception in its thread, and abandon the thread if that does not help."""
        kill(self.ref)

    def inject(self, fault: LayerFault, layer: int) -> None:
        """Inject a fault into one of its layers.

        Raises:
            RuntimeError: the program has no `faults`.
        """
        if self.faults is None:
            raise RuntimeError("expected a program with `faults` to inject into, got one without; set it")
        self.faults.inject(layer, fault)

    def probe(self, on_answer: Callable[[Probed], None], held: int, *, deep: bool) -> None:
        """Say how it does, at once."""
        on_answer(probed(self.ref, held, deep=deep))


@dataclass(frozen=True, slots=True)
class ThreadHost:
    """Hosts peers on threads of their own; a `Host`.

    Args:
        faults: see `Program`.
    """

    faults: InjectedFaults | None = None

    workers = (WorkerKind.THREAD,)

    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        """Return the specification of a peer on a thread."""
        return ChildSpec.of(PeerActor, spec, surroundings, id=str(spec.address), name=spec.address)

    def peer(self, ref: Ref[Any]) -> ActorPeer:
        """Return a reference to a peer."""
        return ActorPeer(ref, self.faults)

    def assign(self, address: Address, worker: WorkerKind) -> None:
        """Do nothing: each incarnation has a thread of its own."""


@dataclass(frozen=True, slots=True)
class ThreadsRuntime:
    """A thread for each peer."""

    name = "threads"

    def start(self, program: Program) -> HostedJob:
        """Start the supervision tree."""
        host = ThreadHost(program.faults)
        return SupervisedJob(program, lambda spec: host)
