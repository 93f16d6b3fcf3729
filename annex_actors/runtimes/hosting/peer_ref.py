"""References to peers, wherever they live, and the protocol of the hosts that provide them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import LayerFault
from annex_actors.runtimes.hosting.probed import Probed
from annex_actors.runtimes.program import PeerSpec
from supervisors import ChildSpec, Registry

if TYPE_CHECKING:
    from annex_actors.runtimes.hosting.surroundings import RunSurroundings


class PeerRef(Protocol):
    """A reference to one incarnation of a peer."""

    @property
    def incarnation(self) -> int:
        """The number of this incarnation, as its supervisor counts."""

    @property
    def pid(self) -> int | None:
        """The id of the process that it has to itself; None: it has none, or that is on another node."""

    @property
    def node(self) -> str:
        """The name of the node that it lives on; empty: this process, or the runtime has one machine."""

    def tell(self, envelope: Envelope) -> None:
        """Send an envelope, without waiting; it is lost if the peer has ended."""

    def kill(self) -> None:
        """Kill the peer as an external cause would: a process at once, a thread by an exception; do not wait."""

    def end(self) -> None:
        """End the peer by force, whatever it is doing; abandon a thread that does not end before this returns."""

    def inject(self, fault: LayerFault, layer: int) -> None:
        """Inject a fault into one of its layers, at the next point of its work."""

    def probe(self, on_answer: Callable[[Probed], None], held: int, *, deep: bool) -> None:
        """Have its host say how it does, whatever it is doing: at once, or later in another thread, or never.

        Args:
            on_answer: called with the answer.
            held: how many messages wait in its node, if that is in this process.
            deep: whether the stack is wanted too, which takes longer.
        """


class Host(Protocol):
    """Makes peers children of their supervisor: actors on threads, in processes, or on other machines."""

    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        """Return the child's specification; its start registers a reference under the peer's address."""

    def peer(self, ref: Any) -> PeerRef:
        """Return a reference to a peer, from the one that is registered."""

    @property
    def workers(self) -> tuple[WorkerKind, ...]:
        """The kinds of workers that it has; a peer first lives on the first, unless the program says otherwise."""

    def assign(self, address: Address, worker: WorkerKind) -> None:
        """Start every later incarnation of a peer on a worker of this kind, which is one of ``workers``."""


class Peers:
    """The peers of a run that are up, by address.

    Args:
        registry: where their hosts register them.
        hosts: the host of each peer.
    """

    def __init__(self, registry: Registry, hosts: Mapping[Address, Host]) -> None:
        self._registry = registry
        self._hosts = hosts

    def at(self, address: Address) -> PeerRef | None:
        """Return the peer's current incarnation; None while it is not up."""
        ref = self._registry.whereis(address)
        return None if ref is None else self._hosts[address].peer(ref)
