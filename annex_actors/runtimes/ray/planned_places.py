"""Where the actors of a run live whose plan says something of nodes, labels or resources: `placement.places` on Ray."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from annex_actors.placement.needs import Needs
from annex_actors.placement.places import ClusterNode, Places, homes
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.ray.places import AnyPlace, Options

AMOUNTS = {"CPU": "cpus", "GPU": "gpus", "memory": "memory"}
"""Ray's names of amounts that have names of their own in a plan."""

_OPTIONS = {"cpus": "num_cpus", "gpus": "num_gpus", "memory": "memory"}


class PlannedPlaces(AnyPlace):
    """Each peer on the node that `homes` gives it, and the stores of its commits on others; a `RayPlaces`.

    A peer whose node is up stays there when it is restarted; one whose node is gone moves to another that has what it
    needs.

    Args:
        places: what the plan says.
        actors: all peers that are placed, in the order of the chain.
        nodes: returns the nodes that are up, by id; what is free on each is beside what living actors have taken.
    """

    def __init__(
        self, places: Places, actors: Sequence[Address], nodes: Callable[[], Mapping[str, ClusterNode]]
    ) -> None:
        self._places = places
        self._actors = tuple(actors)
        self._nodes = nodes
        self._homes: dict[Address, str] = {}
        self._affinities: dict[str, NodeAffinitySchedulingStrategy] = {}
        self._lock = Lock()

    def peer(self, address: Address) -> Options:
        """See `RayPlaces`.

        Raises:
            NoNodeError: no node that is up has what it needs.
        """
        if address not in self._actors:
            return super().peer(address)
        with self._lock:
            nodes = self._nodes()
            ids = {node.name: id for id, node in nodes.items()}
            if self._homes.get(address) not in ids:
                self._homes = homes(self._places, self._actors, list(nodes.values()), self._homes)
            id = ids[self._homes[address]]
            # One object for each node, since two are never equal and spare actors are found by their options.
            affinity = self._affinities.setdefault(id, NodeAffinitySchedulingStrategy(id, soft=False))
        return {"scheduling_strategy": affinity, **_taken(self._places.needs.get(address, Needs()))}


def reserves(options: Options) -> bool:
    """Return whether an actor with these options takes something that no other may then have."""
    return not options.keys() <= {"scheduling_strategy"}


def _taken(needs: Needs) -> Options:
    """Return the options that reserve what an actor needs."""
    own = {_OPTIONS[name]: amount for name, amount in needs.amounts.items() if name in _OPTIONS}
    others = {name: amount for name, amount in needs.amounts.items() if name not in _OPTIONS}
    return {**own, **({"resources": others} if others else {})}
