"""What the rest of a run holds of a peer, wherever it lives; and what a kind of host must give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import LayerFault
from annex_actors.runtimes.program import PeerSpec
from supervisors import ChildSpec, Registry

if TYPE_CHECKING:
    from annex_actors.runtimes.hosting.surroundings import RunSurroundings


class PeerRef(Protocol):
    """One incarnation of a peer: to send to, and to harm."""

    @property
    def incarnation(self) -> int:
        """Which one, as its supervisor counts."""

    def tell(self, envelope: Envelope) -> None:
        """Send an envelope; never waits, and is no error where the peer has ended."""

    def kill(self) -> None:
        """Kill it as something outside would: a process at once, a thread by an exception; never waits."""

    def end(self) -> None:
        """End it by force, whatever it is doing; a thread that withstands is abandoned before this returns."""

    def inject(self, fault: LayerFault, layer: int) -> None:
        """Let something go wrong in one of its layers, at the next point of its work."""


class Host(Protocol):
    """Makes a peer a child of its supervisor: an actor on a thread, in a process, on another machine."""

    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        """Return the child's specification; once started, a reference is registered under the peer's address."""

    def peer(self, ref: Any) -> PeerRef:
        """Return what others hold of a peer, given the reference that is registered."""


class Peers:
    """The peers of a run that are up, by their addresses.

    Args:
        registry: where their hosts register them.
        hosts: of each peer.
    """

    def __init__(self, registry: Registry, hosts: Mapping[Address, Host]) -> None:
        self._registry = registry
        self._hosts = hosts

    def at(self, address: Address) -> PeerRef | None:
        """Return the peer's current incarnation; None while it is not up."""
        ref = self._registry.whereis(address)
        return None if ref is None else self._hosts[address].peer(ref)
