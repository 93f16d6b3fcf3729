"""Ways to place the last layers of a chain: many at once, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from annex_actors.placement.planner.formula import Numbers

_NOISE = 1e-11
"""The part of the largest number by which two may differ and count as equal: sums in another order differ by less."""

_LEAST = 1e-300
"""A number above 0 to divide by."""

Indices: TypeAlias = NDArray[np.intp]


class PlacedStage(NamedTuple):
    """The layers from ``start`` to before ``stop``, in ``replicas`` on workers of one kind."""

    start: int
    stop: int
    replicas: int
    kind: int


class Source(NamedTuple):
    """Where ways come from: those with a stage less, and the stage that was put before them."""

    ways: Ways
    replicas: int
    kind: int


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """Ways to place the last layers on so many workers of each kind; an element of each array for each way.

    Args:
        starts: the first layer of the first stage.
        numbers: what the stages cost, in the terms of the formula.
        parents: the way with a stage less, by its place in its source.
        origins: the source, by its place among the sources.
        sources: what the ways come from.
    """

    starts: Indices
    numbers: Numbers
    parents: Indices
    origins: Indices
    sources: tuple[Source, ...] = ()

    def __getitem__(self, which: NDArray[Any]) -> Ways:
        """Return some of the ways."""
        numbers = tuple(each[which] for each in self.numbers)
        return Ways(self.starts[which], numbers, self.parents[which], self.origins[which], self.sources)

    def placed(self, way: int) -> tuple[PlacedStage, ...]:
        """Return the stages of a way, in order."""
        stages, ways = [], self
        while ways.sources:
            start, source, parent = int(ways.starts[way]), ways.sources[ways.origins[way]], int(ways.parents[way])
            stages.append(PlacedStage(start, int(source.ways.starts[parent]), source.replicas, source.kind))
            ways, way = source.ways, parent
        return tuple(stages)


def thinned(parts: Sequence[Ways], values: Sequence[NDArray[np.float64]], most: int) -> list[Ways]:
    """Return of the ways of each start those with the smallest values, at most so many of all parts together."""
    if not parts:
        return []
    starts, sizes = np.concatenate([each.starts for each in parts]), [len(each.starts) for each in parts]
    order = np.lexsort((np.concatenate(values), starts))
    _, firsts, counts = np.unique(starts[order], return_index=True, return_counts=True)
    kept = np.zeros(len(starts), np.bool_)
    kept[order] = np.arange(len(starts)) - np.repeat(firsts, counts) < most
    return [each[which] for each, which in zip(parts, np.split(kept, np.cumsum(sizes)[:-1]), strict=True)]


def joined(parts: Sequence[Ways]) -> Ways:
    """Return ways from several sources as one, without those that others beat in all numbers."""
    joined = Ways(
        np.concatenate([each.starts for each in parts]),
        tuple(map(np.concatenate, zip(*(each.numbers for each in parts), strict=True))),
        np.concatenate([each.parents for each in parts]),
        np.concatenate([np.full(len(each.starts), index) for index, each in enumerate(parts)]),
        tuple(source for each in parts for source in each.sources),
    )
    ranks = [np.rint(each / (_NOISE * max(each.max(initial=0.0), _LEAST))) for each in joined.numbers]
    # What beats another has the smaller sum, and a small sum beats many.
    order = np.lexsort((sum(ranks), joined.starts))
    starts, ranks = joined.starts[order], [each[order] for each in ranks]
    place = 0
    while True:  # let the first way of each start, then the second … rule out those behind it
        firsts = np.flatnonzero(np.diff(starts, prepend=-1))
        counts = np.diff(firsts, append=len(starts))
        if counts.max(initial=0) <= place + 1:
            return joined[order]
        judges = np.repeat(firsts + np.minimum(place, counts - 1), counts)
        left = np.arange(len(judges)) <= judges
        for each in ranks:
            left |= each[judges] > each
        order, starts, ranks = order[left], starts[left], [each[left] for each in ranks]
        place += 1
