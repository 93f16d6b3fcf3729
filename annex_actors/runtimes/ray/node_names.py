"""The names of the nodes of a cluster, by which plans and people know them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_SHOWN_ID = 6


def names(nodes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the name of each node by its id: the one it was started with, else that of its machine.

    Names of several nodes, as where these share a machine, have the beginning of the id behind them.

    Args:
        nodes: as `ray.nodes` returns them; those that have ended are left out.
    """
    own = {each["NodeID"]: _own_name(each) for each in nodes if each["Alive"]}
    count = Counter(own.values())
    return {id: name if count[name] == 1 else f"{name}-{id[:_SHOWN_ID]}" for id, name in own.items()}


def _own_name(node: Mapping[str, Any]) -> str:
    """Return the name that `ray start --node-name` gave; Ray takes the address of the machine where it gave none."""
    name, address = node.get("NodeName"), node.get("NodeManagerAddress")
    return str(name if name and name != address else node["NodeManagerHostname"])


class NodeNames:
    """The names of the nodes that a run has met; each keeps its name as long as the run goes on.

    Args:
        ask: returns the names of all nodes that are up, by id.
    """

    def __init__(self, ask: Callable[[], Mapping[str, str]]) -> None:
        self._ask = ask
        self._names: dict[str, str] = {}

    def ask(self) -> None:
        """Ask which nodes there are."""
        self._names = {**self._ask(), **self._names}

    def of(self, id: str) -> str:
        """Return the name of a node; its id where it ended before it had one."""
        return self._names.get(id, id)

    def shown(self, id: str) -> str:
        """Return the name of a node as people see it: nothing as long as there is only one."""
        return self.of(id) if len(self._names) > 1 else ""
