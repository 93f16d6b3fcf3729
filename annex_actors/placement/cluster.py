"""What was measured of a cluster, from which plans over its nodes are made: a value, kept as TOML or JSON.

```toml
nodes = [
    {name = "a", speed = 1.0, memory = "16GB", workers = 2},
    {name = "b", speed = 0.5},
]
links = [{between = ["a", "b"], latency = 0.0005, bandwidth = "100MB"}]   # seconds, bytes a second
link = {latency = 0.02, bandwidth = "10MB"}                               # of each pair that `links` does not name
```

A speed is in units of the machine whose profile is planned with. Nothing is measured here.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from annex_actors.base import checks
from annex_actors.base.byte_counts import byte_count
from annex_actors.base.errors import ConfigError, message_of
from annex_actors.base.files import SMALL, read_file, reason
from annex_actors.base.settings import build
from annex_actors.base.shown import brief, shown
from annex_actors.placement.needs import checked_node
from annex_actors.placement.planner.problem import Link, Worker

_MOST_WORKERS = 10_000
_NODE = 'a node such as MeasuredNode("a", speed=0.5)'


@dataclass(frozen=True, slots=True)
class MeasuredNode:
    """A node of a cluster.

    Args:
        name: by which plans name it.
        speed: how many times as fast as the machine of the profile a stage works on it.
        memory: the bytes that its stages may need in all, each as much; None: no limit.
        workers: how many stages work on it at once, >= 1, such as one for each core.

    Raises:
        ConfigError: a name or a number of another kind.
    """

    name: str
    speed: float = 1.0
    memory: int | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        checks.keep(
            self,
            name=checked_node(checks.text("name", self.name) or ".", 1),
            speed=checks.real_number("speed", self.speed, above=0),
            memory=None if self.memory is None else byte_count("memory", self.memory),
            workers=checks.whole_number("workers", self.workers, at_least=1, limit=_MOST_WORKERS),
        )


@dataclass(frozen=True, slots=True)
class MeasuredLink:
    """How long a message travels from a node to another, and back.

    Args:
        latency: in seconds; of the two directions the longer.
        bandwidth: bytes a second, as a number or as text such as ``100MB``; None: without limit.
        between: the names of the two nodes; the same twice: between workers of one node. Empty: of each other pair.

    Raises:
        ConfigError: a number out of range, or not two names.
    """

    latency: float
    bandwidth: int | None = None
    between: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ends = checks.elements("between", self.between, str, 'two names, such as ["a", "b"]')
        if len(ends) not in (0, 2):
            raise ConfigError(f'expected `between` to be two names, such as ["a", "b"], got {shown(list(ends))}')
        width = self.bandwidth
        per_second = width.strip().removesuffix("/s") if isinstance(width, str) else width
        checks.keep(
            self,
            between=tuple(sorted(ends)),
            latency=checks.real_number("latency", self.latency, at_least=0),
            bandwidth=None if per_second is None else byte_count("bandwidth", per_second),
        )

    @property
    def link(self) -> Link:
        """The link as the planner takes it."""
        return Link(self.latency, 0.0 if self.bandwidth is None else 1 / self.bandwidth)


@dataclass(frozen=True, slots=True, repr=False)
class Cluster:
    """Nodes, and a link between each two of them.

    Args:
        nodes: each with another name.
        links: between two nodes each, at most one for each pair.
        link: of each pair that ``links`` does not have; None: ``links`` has all.

    Raises:
        ConfigError: no nodes, two with one name, or a pair without a link or with two.
    """

    nodes: Sequence[MeasuredNode]
    links: Sequence[MeasuredLink] = ()
    link: MeasuredLink | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        nodes = checks.elements("nodes", self.nodes, MeasuredNode, _NODE)
        links = checks.elements("links", self.links, MeasuredLink, "a link between two nodes")
        checks.keep(self, nodes=nodes, links=links)
        if not nodes:
            raise ConfigError(f"expected `nodes` to be at least one, {_NODE}, got none")
        names, pairs = [each.name for each in nodes], [each.between for each in links]
        for known, given in ((set[Any](), names), (set[Any](), pairs)):
            for each in given:
                if each in known:
                    raise ConfigError(f"expected each node and each pair once, got {shown(each)} twice; take one away")
                known.add(each)
        for pair in pairs:
            if not pair or set(pair) - set(names):
                raise ConfigError(f"expected `between` to be two of the nodes, got {shown(list(pair))}; correct it")
        if self.link is None:
            missing = set(combinations(sorted(names), 2)) - set(pairs)
            if missing:
                a, b = min(missing)
                raise ConfigError(f"expected a link between {a} and {b}, got none; add it, or `link` for all others")

    @property
    def workers(self) -> tuple[Worker, ...]:
        """A worker for each stage that can work at once, those of a node side by side."""
        return tuple(
            Worker(each.speed, None if each.memory is None else each.memory // each.workers, each.name)
            for each in self.nodes
            for _ in range(each.workers)
        )

    def links_of_workers(self, local: Link) -> tuple[tuple[Link, ...], ...]:
        """Return the link between each two of `workers`.

        Args:
            local: between workers of a node for which none was measured.
        """
        measured = {each.between: each.link for each in self.links}
        other = local if self.link is None else self.link.link

        def between(one: str, two: str) -> Link:
            ends = (one, two) if one <= two else (two, one)
            return measured.get(ends, local if one == two else other)

        by_nodes = {a.name: {b.name: between(a.name, b.name) for b in self.nodes} for a in self.nodes}
        names = [each.name for each in self.nodes for _ in range(each.workers)]
        return tuple(tuple(by_nodes[one][two] for two in names) for one in names)

    def to_json(self) -> str:
        """Return the cluster as JSON; the inverse of `read_cluster`."""
        return json.dumps(_without_none(asdict(self)), indent=1)


def read_cluster(path: str | Path) -> Cluster:
    """Return the cluster in a file.

    Args:
        path: the file, in TOML; with the ending ``.json`` in JSON.

    Raises:
        ConfigError: the file cannot be read, or describes no cluster; the message names the file.
    """
    file = checks.path("path", path)
    is_json = file.suffix == ".json"
    try:
        text = read_file(file, limit=SMALL).decode()
        content = json.loads(text) if is_json else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"expected a cluster at {file}, got {reason(error)}; check the path") from None
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise ConfigError(f"expected {kind} in {file}, got: {message_of(error)}; correct the file") from None
    try:
        return _cluster(content)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def _cluster(content: Any) -> Cluster:
    given = dict(checks.instance("the file", content, Mapping, "a table with `nodes` and `links`"))
    nodes = [build(f"node {n}", MeasuredNode, _table("nodes", each)) for n, each in enumerate(_list(given, "nodes"))]
    links = [build(f"link {n}", MeasuredLink, _table("links", each)) for n, each in enumerate(_list(given, "links"))]
    other = {} if "link" not in given else {"link": build("`link`", MeasuredLink, _table("link", given["link"]))}
    return build("a cluster", Cluster, {**given, "nodes": nodes, "links": links, **other})


def _list(given: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = given.get(name, [])
    if not isinstance(found, list):
        raise ConfigError(f"expected `{name}` to be a list of tables, got {shown(found)}")
    return found


def _table(name: str, given: Any) -> Mapping[str, Any]:
    return checks.instance(name, given, dict, "a table such as {name = ...}")


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list | tuple) else value
