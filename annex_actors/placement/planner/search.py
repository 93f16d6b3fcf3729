"""Find the best plan: dynamic programming over the ends of the chain, exact, and pruned by a limit that grows.

A state is a number of last layers, placed on so many workers of each kind as so many stages; where links differ, with
the first of these stages on one kind. Of so many unlike workers that there are too many such states, only those count
in which stages follow one order of workers, and `orders` looks for a good one. For each state, the search
keeps the ways that no other way beats in all numbers of the schedule's formula. It drops a way that takes longer than a
limit even if the layers before cost as little as they possibly can. The limit begins a little above a lower bound of
the whole and grows until a plan is found: then none is better, since a better one would have been within the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from math import inf
from typing import TypeAlias

import numpy as np

from annex_actors.placement.planner.ahead import Bounds, Used, at
from annex_actors.placement.planner.choices import (
    Candidate,
    Group,
    Structure,
    counts_memory,
    formula_of,
    groups,
    most_replicas,
    structure,
)
from annex_actors.placement.planner.formula import Formula
from annex_actors.placement.planner.formulas import Peak
from annex_actors.placement.planner.hops import kinds
from annex_actors.placement.planner.orders import Searched, best_order, is_small
from annex_actors.placement.planner.problem import Problem
from annex_actors.placement.planner.reach import Reach
from annex_actors.placement.planner.stages import Costs
from annex_actors.placement.planner.ways import Indices, Source, Ways, joined, thinned
from annex_actors.schedules.discipline import Discipline

Placed: TypeAlias = tuple[Used, int | None]
"""How many workers of each kind are used, and where links differ, the kind of the first stage that is placed."""

_SAME = 1e-9
"""The part by which two times may differ by rounding."""

_BLOCK = 32
"""How many lengths of a stage are tried at once."""

_KEPT = 32
"""How many ways are kept for each first layer, along an order of workers."""

_FIRST, _GROWTH = 0.002, 1.6
"""By which part the first limit is above the lower bound of a whole step, and how fast this part grows."""


def fastest(problem: Problem, excluded: Collection[Structure] = (), memory: int | None = None) -> Candidate | None:
    """Return the plan with the shortest step within the workers' memory.

    Args:
        problem: layers, workers and what may be chosen.
        excluded: structures that the plan must not have.
        memory: bytes that no worker may need more than, beside its own limit.

    Returns:
        None where no plan fits the memory.
    """
    return _best(problem, formula_of, excluded, memory)


def smallest(problem: Problem, excluded: Collection[Structure] = ()) -> Candidate | None:
    """Return the plan whose worker with most memory needs least, as `fastest` does; its value is in bytes."""
    return _best(problem, lambda problem, row, microbatches: Peak(), excluded, None)


def _best(
    problem: Problem,
    formula_of: Callable[[Problem, Discipline, int], Formula],
    excluded: Collection[Structure],
    memory: int | None,
) -> Candidate | None:
    ways = [
        (row, m, group) for row in problem.rows for m in sorted(problem.chains) for group in groups(problem, row, m)
    ]

    def along(order: Sequence[int] | None, chosen: Collection[Searched] = (), below: float = inf) -> Candidate | None:
        """Return the best plan whose stages follow an order of kinds of workers, or any order; see `Along`."""
        return _least(
            (
                _Search(problem, row, m, formula_of(problem, row, m), group, excluded, memory, order)
                for row, m, group in ways
                if not chosen or (row.name, m) in chosen
            ),
            below,
        )

    if is_small(problem):
        return along(None)
    return best_order(problem, formula_of, along, excluded, memory)


def _least(made: Iterable[_Search], below: float) -> Candidate | None:
    """Return the best plan of several searches, if it is better than ``below``."""
    searches = sorted(made, key=lambda search: search.least)  # the most promising first: its plan limits the others
    least, part = searches[0].least, _FIRST
    while True:
        best, limit = None, below * (1 - _SAME) if below < inf or not least else least * (1 + part)
        for search in searches:
            found = search.within(limit)
            if found is not None and (best is None or found.value < best.value):
                best, limit = found, found.value * (1 - _SAME)
        if best is not None or below < inf or limit == inf or not any(each.was_limited for each in searches):
            return best
        part *= _GROWTH


class _Search:
    """A search among the plans with one schedule and one number of microbatches.

    ``was_limited`` says whether the limit ruled out anything.
    """

    def __init__(
        self,
        problem: Problem,
        row: Discipline,
        microbatches: int,
        formula: Formula,
        group: Group,
        excluded: Collection[Structure],
        memory: int | None,
        order: Sequence[int] | None,
    ) -> None:
        self._row = row
        self._m = microbatches
        self._formula = formula
        self._stages, self._limits = group
        self._costs = Costs(problem, row, microbatches, memory=counts_memory(problem))
        found = kinds(problem)
        self._kinds = tuple(each.worker for each in found)
        self._linked = problem.links is not None
        self._order = order
        limits = [
            inf if memory is None else memory,
            *(inf if each.memory is None else each.memory for each in self._kinds),
        ]
        self._memory = tuple(min(limits[0], each) for each in limits[1:])
        self._counts = tuple(len(each.numbers) for each in found)
        self._most_replicas = min(most_replicas(problem, row), microbatches)
        self._layers = problem.layers
        self._allowed = {each for each in self._stages if structure(row, microbatches, each) not in excluded}
        self._bounds = Bounds(self._costs, self._kinds, self._counts, self._most_replicas, problem.piece)
        self._reach = Reach(self._costs, formula, self._kinds, self._counts, self._most_replicas, problem.piece)
        self._none = (0,) * len(self._kinds)
        self.was_limited = False
        least = float(formula.least(formula.nothing, at(self._bounds.tight(self._none), self._layers)))
        self.least = self._reach.least(least) if least else 0.0

    def within(self, limit: float) -> Candidate | None:
        """Return the best plan that takes at most ``limit``; None where there is none."""
        self.was_limited = not self._reach.reaches_all(limit)
        if self.was_limited or not self._allowed:
            return None
        best: Candidate | None = None
        zero = np.zeros(1, np.intp)
        nothing = tuple(np.array([each]) for each in self._formula.nothing)
        blocks: dict[Placed, Ways] = {(self._none, None): Ways(zero + self._layers, nothing, zero, zero)}
        for stages in range(1, max(self._allowed) + 1):
            blocks = self._one_more(blocks, stages, limit)
            for ways in blocks.values() if stages in self._allowed else ():
                whole = np.flatnonzero(ways.starts == 0)
                values = self._formula.seconds(ways[whole].numbers)
                if not len(whole) or values.min() > limit:
                    continue
                first = int(values.argmin())
                value = float(values[first])
                if best is None or value < best.value:
                    best = Candidate(self._row, self._m, ways.placed(int(whole[first])), value)
                    limit = value * (1 - _SAME)
        return best

    def _one_more(self, blocks: dict[Placed, Ways], stages: int, limit: float) -> dict[Placed, Ways]:
        """Return the ways with one stage more."""
        longer: dict[Placed, list[Ways]] = {}
        for (used, after), ways in blocks.items():
            for kind, replicas in self._choices(used):
                more = (*used[:kind], used[kind] + replicas, *used[kind + 1 :])
                source, first = Source(ways, replicas, kind), kind if self._linked else 0
                longer.setdefault((more, first), []).extend(self._extended(source, more, stages, limit, after))
        if self._order is not None:
            longer = {placed: self._promising(parts, placed[0]) for placed, parts in longer.items()}
        return {placed: joined(parts) for placed, parts in longer.items() if parts}

    def _promising(self, parts: Sequence[Ways], used: Used) -> list[Ways]:
        """Return the ways with the smallest bounds, a few for each first layer."""
        ahead = self._bounds.tight(used)
        return thinned(parts, [self._formula.least(each.numbers, at(ahead, each.starts)) for each in parts], _KEPT)

    def _choices(self, used: Used) -> Iterator[tuple[int, int]]:
        """Yield a kind and a number of workers that are left."""
        if self._order is not None:
            place = len(self._order) - 1 - sum(used)
            yield from [(self._order[place], 1)] if place >= 0 else []
            return
        for kind, (count, taken) in enumerate(zip(self._counts, used, strict=True)):
            for replicas in range(1, min(count - taken, self._most_replicas) + 1):
                yield kind, replicas

    def _extended(self, source: Source, used: Used, stages: int, limit: float, after: int | None) -> Iterator[Ways]:
        """Yield the source's ways with a stage before them: first short ones, then longer ones of those that may be."""
        stops, memory = source.ways.starts, self._memory[source.kind]
        limits, ahead, limit, longest = self._limits[stages - 1], self._bounds.tight(used), limit * (1 + _SAME), 0
        left = sum(self._counts) - sum(used)
        reach = self._reach.before(stages, left)
        alive: Indices = np.flatnonzero(stops > 0)
        while len(alive):
            lengths = np.arange(longest + 1, longest + 1 + _BLOCK)
            longest += _BLOCK
            parents = np.repeat(alive, _BLOCK)
            starts = stops[parents] - np.tile(lengths, len(alive))
            parents, starts = parents[starts >= 0], starts[starts >= 0]
            cost = self._costs.stage(starts, stops[parents], source.replicas, source.kind, limits, after)
            numbers = self._formula.before(tuple(each[parents] for each in source.ways.numbers), cost, limits)
            fits = np.full(len(starts), True) if memory == inf else cost.memory <= memory
            within = (self._formula.least(numbers, at(ahead, starts)) <= limit) & (starts <= reach)
            goes_on = fits if left else fits & (starts == 0)
            self.was_limited |= not bool(np.all(within[goes_on]))
            if np.any(keep := goes_on & within):
                nowhere = np.zeros(len(starts), np.intp)
                settled = self._formula.settled(numbers, at(ahead, starts))
                yield Ways(starts, settled, parents, nowhere, (source,))[keep]
            too_long = ~fits | (self._formula.least(numbers, at(self._bounds.loose, starts)) > limit)
            over = np.zeros(len(stops), np.bool_)
            over[parents[too_long | (starts == 0)]] = True
            alive = alive[~over[alive]]
