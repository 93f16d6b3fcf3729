"""Which workers are alike, and how long messages travel between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from annex_actors.placement.planner.problem import Link, Problem, Worker


class Kind(NamedTuple):
    """Workers that may change places: as fast, with as much memory, and with the same links to all others.

    Args:
        worker: one of them.
        numbers: of all of them.
    """

    worker: Worker
    numbers: tuple[int, ...]


def kinds(problem: Problem) -> tuple[Kind, ...]:
    """Return the kinds of workers, the fastest first."""
    found: list[tuple[Worker, list[int]]] = []
    for number, worker in enumerate(problem.workers):
        for other, numbers in found:
            if other == worker and _have_same_links(problem.links, number, numbers[0]):
                numbers.append(number)
                break
        else:
            found.append((worker, [number]))
    return tuple(Kind(worker, tuple(numbers)) for worker, numbers in sorted(found, key=lambda each: -each[0].speed))


def _have_same_links(links: Sequence[Sequence[Link]] | None, one: int, other: int) -> bool:
    if links is None:
        return True
    return all(links[one][each] == links[other][each] for each in range(len(links)) if each not in (one, other))


class Hops:
    """The seconds of the messages of a chain, between workers of each two kinds.

    ``least`` has the shortest for each layer in front of which the chain is cut, ``longest`` is the longest of all.

    Args:
        problem: with links.
        sizes: the bytes of the network's inputs and of each layer's outputs.
        at_once: whether all messages arrive at once instead.
    """

    def __init__(self, problem: Problem, sizes: Sequence[int], *, at_once: bool = False) -> None:
        self._kinds = kinds(problem)
        self._at_once = at_once
        self._problem = problem
        self._sizes = np.array(sizes, np.float64)
        self._found: dict[tuple[int, int], NDArray[np.float64]] = {}
        self._none = np.zeros(len(sizes))
        pairs = range(1 if problem.links is None else len(self._kinds))
        links = [self.link(one, other) for one in pairs for other in pairs[one:]]
        self.least: NDArray[np.float64] = np.min([self._seconds(link) for link in _fastest(links)], axis=0)
        slowest = max(each.latency for each in links), max(each.per_byte for each in links)
        self.longest = float(self._seconds(Link(*slowest)).max())

    def link(self, kind: int, other: int) -> Link:
        """Return the link between workers of two kinds, or between two workers of one."""
        links, one, others = self._problem.links, self._kinds[kind].numbers[0], self._kinds[other].numbers
        if self._at_once:
            return Link()
        return self._problem.link if links is None else links[one][others[-1]]

    def between(self, kind: int, after: int | None) -> NDArray[Any]:
        """Return the seconds of a hop to each layer, from a stage on one kind of worker to the next on another.

        Args:
            kind: of the workers of the stage.
            after: of those of the next stage; None: there is none.
        """
        if after is None:
            return self._none
        if self._problem.links is None:
            return self.least
        if (kind, after) not in self._found:
            self._found[kind, after] = self._seconds(self.link(kind, after))
        return self._found[kind, after]

    def _seconds(self, link: Link) -> NDArray[np.float64]:
        found = link.latency + link.per_byte * self._sizes
        found[0] = found[-1] = 0.0
        return found


def _fastest(links: Sequence[Link]) -> list[Link]:
    """Return the links that for some size are the fastest: those that no other beats in both numbers."""
    found: list[Link] = []
    for link in sorted(set(links), key=lambda each: (each.latency, each.per_byte)):
        if not found or link.per_byte < found[-1].per_byte:
            found.append(link)
    return found
