"""A Ray cluster of several nodes on this machine, of which nodes can be killed: to try what a run survives."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import Any, Self

import ray
from ray.cluster_utils import Cluster

from annex_actors.runtimes.ray.cluster import QUIET, environment

_HEALTH = {"health_check_period_ms": 250, "health_check_failure_threshold": 3}
"""How soon a node is taken for dead; by default that takes Ray 15 seconds. A node that is only slow has ten seconds for
each of the answers that it owes, so it is not taken for one that refuses them."""

_NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}


class LocalCluster:
    """A cluster that is up within the block. This process is on its head, which is never killed.

    Args:
        nodes: how many there are, >= 2.
    """

    def __init__(self, nodes: int) -> None:
        self._count = nodes
        self._made = 0
        self._nodes: dict[str, Any] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        with environment(QUIET):
            head = {**_NODE, "node_name": "head", "_system_config": _HEALTH}
            self._cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(self._count - 1):
            self._add()
        # Nodes that join later are added in another thread than the main one, where no handler of signals can be set.
        # Should this process be killed, a process of Ray's ends the first nodes, without which these end themselves.
        self._cluster._shutdown_at_exit = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ray.shutdown()
        self._cluster.shutdown()

    @property
    def address(self) -> str:
        """By which a run joins it."""
        return str(self._cluster.address)

    @property
    def killable(self) -> frozenset[str]:
        """The names of all nodes but the head."""
        return frozenset(self._nodes)

    def kill(self, name: str) -> None:
        """Kill all processes of a node, and add another one in its place; wait until that is up."""
        with self._lock:
            node = self._nodes.pop(name, None)
            if node is not None:
                with suppress(AssertionError):  # a process that is stopped has not ended yet
                    self._cluster.remove_node(node, allow_graceful=False)
                self._add()

    def _add(self) -> None:
        self._made += 1
        name = f"node-{self._made}"
        with environment(QUIET):
            self._nodes[name] = self._cluster.add_node(node_name=name, **_NODE)
