"""Where the actors of a run live, as the options that Ray takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from annex_actors.protocol.messages import Address

Options: TypeAlias = Mapping[str, Any]
"""What `ray.remote` takes of an actor: ``num_cpus``, ``resources``, ``label_selector``, ``scheduling_strategy`` …"""


class RayPlaces(Protocol):
    """Says where each actor of a run is to live; asked for each start, since nodes come and go."""

    def peer(self, address: Address) -> Options:
        """Return the options of the actor of a peer."""

    def stores(self, address: Address, node: str, nodes: Sequence[str]) -> Sequence[str]:
        """Return the nodes whose store actors keep the commits of a peer, the best first.

        Args:
            address: of the peer.
            node: where the peer lives.
            nodes: the ids of all nodes that are up, in any order.
        """


class AnyPlace:
    """Ray chooses the nodes of peers, and spreads them; the stores of their commits are spread too."""

    def peer(self, address: Address) -> Options:
        """See `RayPlaces`."""
        return {"scheduling_strategy": "SPREAD"}

    def stores(self, address: Address, node: str, nodes: Sequence[str]) -> Sequence[str]:
        """See `RayPlaces`: the other nodes, each stage beginning at another one, and last the node of the peer."""
        others = sorted(set(nodes) - {node})
        start = (address.number or 0) % max(1, len(others))
        return [*others[start:], *others[:start], node]
