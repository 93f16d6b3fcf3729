"""Probes: actors on each node of a cluster, which measure how fast it works, and how soon they reach each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array
from annex_actors.base.user_files import run_user_file, user_file_content
from annex_actors.runtimes.blas import blas_threads
from annex_actors.runtimes.hosting.workers.startup import START_S
from annex_actors.runtimes.ray import cluster
from annex_actors.runtimes.ray.actor_worker import cause
from annex_actors.runtimes.ray.node_names import names

SMALL, LARGE = 64, 2**22
"""Bytes of the two messages that make the line: one is sent with its call, one goes through the object store."""

_FEWEST = 4
_PERCENTILE = 25
"""The percentile of many times that is taken: other work only delays a message."""

Work: TypeAlias = Callable[[], float]
"""Works on a piece, and returns how many seconds it took."""


class ProbedNode(NamedTuple):
    """A node of a cluster.

    Args:
        name: by which plans name it.
        cpus: that Ray may use of it.
        memory: in bytes, that Ray may use of it.
        seconds: for one piece of the work.
    """

    name: str
    cpus: int
    memory: int
    seconds: float


class ProbedPair(NamedTuple):
    """How soon a message reaches another actor.

    Args:
        between: the names of the two nodes; the same twice: of one node.
        latency: of a small message, in seconds.
        per_byte: seconds of each byte more.
    """

    between: tuple[str, str]
    latency: float
    per_byte: float


class Probed(NamedTuple):
    """What was measured.

    Args:
        seconds: for one piece of the work, in this process.
        nodes: all that are up, by name.
        pairs: each two of them, and each node that has several processors with itself.
    """

    seconds: float
    nodes: tuple[ProbedNode, ...]
    pairs: tuple[ProbedPair, ...]


class Probe:
    """The actor; a node has two, which are each other's pair there."""

    def prepare(self, load: Mapping[str, bytes]) -> None:
        """Run the user's files, for what they register and define."""
        for path, content in load.items():
            run_user_file(path, content)

    def work(self, work: Work, seconds: float) -> list[float]:
        """Return how long each of many pieces of work took."""
        return timed(work, seconds)

    def take(self, content: Array) -> int:
        """Take a message, and look at it."""
        return int(content[-1])

    def reach(self, other: Any, size: int, seconds: float) -> float:
        """Return how long it takes until another actor has got a message of so many bytes and has answered."""
        content, until = np.zeros(size, np.uint8), time.perf_counter() + seconds
        times: list[float] = []
        while len(times) < _FEWEST or time.perf_counter() < until:
            began = time.perf_counter()
            ray.get(other.take.remote(content))
            times.append(time.perf_counter() - began)
        return _undisturbed(times[1:])  # the first call also makes the connection


def timed(work: Work, seconds: float) -> list[float]:
    """Do pieces of work for so many seconds, and return how long each took."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    with blas_threads(1):
        while len(times) < _FEWEST or time.perf_counter() < until:
            times.append(work())
    return times


def probe(address: str | None, work: Work, *, load: Iterable[str] = (), seconds: float = 5.0) -> Probed:
    """Measure the nodes of a cluster, and each pair of them.

    Machines work at the same time, but the nodes of one machine one after another; so do pairs that share no node. In
    each of some rounds this process works as well, so that a machine that is busy for a while changes no ratio much.

    Args:
        address: see `RayRuntime`.
        work: a piece of work, the same for all.
        load: the user's files that it needs.
        seconds: about how long to measure, > 0; longer where the nodes are many.

    Raises:
        ConfigError: no cluster answers, or a node does not.
    """
    content = {path: user_file_content(path) for path in load}
    with cluster.connected(address), _probes(content) as (nodes, probes):
        try:
            here, speeds = _speeds(nodes, probes, work, seconds / 2)
            pairs = _pairs(nodes, probes, seconds / 2)
        except RayError as error:
            raise ConfigError(f"expected all nodes to answer while they are measured, got: {cause(error)}") from error
    own = names(nodes.values())
    found = [ProbedNode(own[id], _amount(nodes[id], "CPU"), _amount(nodes[id], "memory"), speeds[id]) for id in nodes]
    return Probed(here, tuple(sorted(found)), tuple(sorted(pairs)))


@contextmanager
def _probes(load: Mapping[str, bytes]) -> Iterator[tuple[dict[str, Any], dict[str, tuple[Any, Any]]]]:
    """Yield all nodes that are up by id, and two actors on each: one reaches others while the other one is reached."""
    nodes = {each["NodeID"]: each for each in ray.nodes() if each["Alive"]}
    made = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(Probe)
    with ExitStack() as stack:
        probes: dict[str, tuple[Any, Any]] = {}
        for id in nodes:
            there = NodeAffinitySchedulingStrategy(id, soft=False)
            both: Any = tuple(made.options(scheduling_strategy=there).remote() for _ in range(2))
            for each in both:
                stack.callback(ray.kill, each)
            probes[id] = both
        own = names(nodes.values())
        for id, both in probes.items():
            try:
                ray.get([each.prepare.remote(load) for each in both], timeout=START_S)
            except (GetTimeoutError, RayError) as error:
                raise ConfigError(f"expected node {own[id]} to start an actor, got: {cause(error)}") from error
        yield nodes, probes


_ROUNDS = 3


def _speeds(
    nodes: Mapping[str, Any], probes: Mapping[str, tuple[Any, Any]], work: Work, seconds: float
) -> tuple[float, dict[str, float]]:
    """Return how long a piece of work takes, here and on each node."""
    machines: dict[str, list[str]] = {}
    for id, node in nodes.items():
        machines.setdefault(node["NodeManagerHostname"], []).append(id)
    turns = max(map(len, machines.values()))
    share = seconds / _ROUNDS / (turns + 1)
    here: list[float] = []
    times: dict[str, list[float]] = {id: [] for id in nodes}
    for _ in range(_ROUNDS):
        here += timed(work, share)
        for turn in range(turns):
            asked = {
                each[turn]: probes[each[turn]][0].work.remote(work, share)
                for each in machines.values()
                if turn < len(each)
            }
            for id, answer in asked.items():
                times[id] += ray.get(answer)
    return _undisturbed(here), {id: _undisturbed(each) for id, each in times.items()}


def _pairs(nodes: Mapping[str, Any], probes: Mapping[str, tuple[Any, Any]], seconds: float) -> list[ProbedPair]:
    """Return how soon messages reach other nodes, of the two directions the slower one."""
    own = names(nodes.values())
    inside = [(id, id) for id in nodes if _amount(nodes[id], "CPU") > 1]
    rounds = [*_rounds(list(nodes)), *([inside] if inside else [])]
    share = seconds / max(1, len(rounds)) / 4
    found = []
    for pairs in rounds:
        ends = [(probes[one][0], probes[other][1]) for one, other in pairs]
        small, large = (
            np.maximum(_reached(ends, size, share), _reached([(b, a) for a, b in ends], size, share))
            for size in (SMALL, LARGE)
        )
        for (one, other), few, many in zip(pairs, small.tolist(), large.tolist(), strict=True):
            first, second = sorted((own[one], own[other]))
            found.append(ProbedPair((first, second), few / 2, max(0.0, many - few) / (LARGE - SMALL)))
    return found


def _reached(ends: Sequence[tuple[Any, Any]], size: int, seconds: float) -> Array:
    """Return how long the first of each two actors takes to reach the second one; all at once."""
    return np.array(ray.get([one.reach.remote(other, size, seconds) for one, other in ends]))


def _rounds(all_of: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Return each pair once, in rounds in which each is in one pair at most."""
    left, rounds = list(combinations(all_of, 2)), []
    while left:
        busy: set[str] = set()
        chosen = []
        for pair in left:
            if busy.isdisjoint(pair):
                busy.update(pair)
                chosen.append(pair)
        rounds.append(chosen)
        taken = set(chosen)
        left = [pair for pair in left if pair not in taken]
    return rounds


def _amount(node: Mapping[str, Any], name: str) -> int:
    with suppress(TypeError, ValueError):
        return int(node["Resources"].get(name, 0))
    return 0


def _undisturbed(times: Sequence[float]) -> float:
    return float(np.percentile(times, _PERCENTILE))
