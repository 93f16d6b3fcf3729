"""A good order of many unlike workers: dynamic programming along some orders, then local search.

Along one order of workers the search chooses where to cut, and how many of the last workers of the order to use. It
keeps a few ways for each first layer, not all that might still win, of which there would be too many. Which order is
best is the problem of the travelling salesman with work on top, so that of more workers than `is_small` allows some
are tried: as given, by speed, and tours that go on to the nearest worker. The best plan is then improved by moves: two
stages change places, or a stage goes to a worker that has none. Where no move helps, its order is searched once more,
until that helps no more. Stages have one worker each here, no replicas.

No plan that comes out is worse than equal splits: so many stages as there are workers, or fewer, with as many layers
each, on the first workers as they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import combinations, pairwise, product
from math import inf, prod
from random import Random
from typing import Protocol, TypeAlias

from annex_actors.placement.planner.choices import Candidate, Structure
from annex_actors.placement.planner.evaluation import seconds_of, stage_costs
from annex_actors.placement.planner.formula import Formula
from annex_actors.placement.planner.hops import Hops, kinds
from annex_actors.placement.planner.problem import Problem
from annex_actors.placement.planner.stages import Costs
from annex_actors.placement.planner.ways import PlacedStage
from annex_actors.schedules.discipline import Discipline

Searched: TypeAlias = tuple[str, int]
"""A schedule and a number of microbatches."""

_MOST_STATES = 1_000
"""States of workers that are used: 7 workers that are all unlike. Twice as many take ten seconds for 60 layers."""

_TOURS = 4
_STAGES_TRIED = 60_000
"""Moves, times the stages of a plan: about two seconds."""

_SPLITS = 12
_BETTER = 1 - 1e-9


class Along(Protocol):
    """Searches along an order of kinds of workers."""

    def __call__(self, order: Sequence[int], chosen: Collection[Searched] = (), below: float = inf) -> Candidate | None:
        """Return the best plan along an order.

        Args:
            order: of kinds of workers, of which the last ones are used.
            chosen: schedules and numbers of microbatches; empty: all.
            below: None is returned where the best plan is not better than this.
        """


def is_small(problem: Problem) -> bool:
    """Return whether all orders of workers can be searched."""
    found = kinds(problem)
    return problem.links is None or prod(len(each.numbers) + 1 for each in found) * len(found) <= _MOST_STATES


def best_order(
    problem: Problem,
    formula_of: Callable[[Problem, Discipline, int], Formula],
    along: Along,
    excluded: Collection[Structure],
    memory: int | None,
) -> Candidate | None:
    """Return the best plan that was found.

    Args:
        problem: with links.
        formula_of: what is to be as small as possible, by schedule and microbatches.
        along: searches along an order.
        excluded: structures that the plan must not have.
        memory: bytes that no worker may need more than, beside its own limit.
    """
    judge = _Judge(problem, formula_of, memory)
    orders = list(_orders(problem))
    splits = [each for each in _equal_splits(problem, judge, orders) if each.structure not in excluded]
    best = min(splits, key=lambda each: each.value, default=None)
    for order in orders:
        best = along(order, below=inf if best is None else best.value) or best
    while best is not None:
        moved = _moved(problem, judge, best)
        better = along(_order_of(problem, moved), [(moved.row.name, moved.microbatches)], moved.value) or moved
        if better.value >= best.value * _BETTER:
            break
        best = better
    return best


class _Judge:
    """Says what plans come to.

    Args:
        problem: with links.
        formula_of: what is to be as small as possible.
        memory: bytes that no worker may need more than.
    """

    def __init__(
        self, problem: Problem, formula_of: Callable[[Problem, Discipline, int], Formula], memory: int | None
    ) -> None:
        self._problem = problem
        self._formula_of = formula_of
        least = inf if memory is None else memory
        limits = [each.worker.memory for each in kinds(problem)]
        self._limits = [least if each is None else min(least, each) for each in limits]
        self._found: dict[Searched, tuple[Costs, Formula]] = {}

    def value(self, row: Discipline, microbatches: int, stages: Sequence[PlacedStage]) -> float:
        """Return the value of a plan; infinite where a worker has too little memory."""
        costs, formula = self._of(row, microbatches)
        if min(self._limits) < inf:
            each = zip(stage_costs(costs, stages), stages, strict=True)
            if any(cost.memory > self._limits[stage.kind] for cost, stage in each):
                return inf
        return seconds_of(formula, costs, stages)

    def _of(self, row: Discipline, microbatches: int) -> tuple[Costs, Formula]:
        key = row.name, microbatches
        if key not in self._found:
            costs = Costs(self._problem, row, microbatches)
            self._found[key] = costs, self._formula_of(self._problem, row, microbatches)
        return self._found[key]


def _orders(problem: Problem) -> Iterator[list[int]]:
    """Yield orders of kinds of workers, each kind as often as it has workers; a search uses the last ones."""
    given = _given(problem)
    yield given
    yield given[::-1]
    yield sorted(given, reverse=True)  # kinds are numbered from the fastest
    sizes = [each.output_bytes for each in next(iter(problem.chains.values())).layers]
    size, hops = round(sum(sizes) / len(sizes)), Hops(problem, sizes)
    for start in range(min(_TOURS, len(kinds(problem)))):
        left, tour = Counter(given), [start]
        left[start] -= 1
        while +left:
            here = tour[-1]
            tour.append(min(+left, key=lambda kind: (hops.link(here, kind).seconds(size), kind)))
            left[tour[-1]] -= 1
        yield tour[::-1]


def _given(problem: Problem) -> list[int]:
    """Return the kind of each worker, as they were given."""
    kind_of = {number: kind for kind, each in enumerate(kinds(problem)) for number in each.numbers}
    return [kind_of[number] for number in range(len(problem.workers))]


def _order_of(problem: Problem, plan: Candidate) -> list[int]:
    """Return an order along which a plan lies; the workers that it leaves out come first."""
    used = [stage.kind for stage in plan.stages]
    return [*(Counter(_given(problem)) - Counter(used)).elements(), *used]


def _equal_splits(problem: Problem, judge: _Judge, orders: Sequence[Sequence[int]]) -> Iterator[Candidate]:
    """Yield equal splits on the first workers as they were given, and on the last ones of orders."""
    most = min(problem.layers, len(problem.workers))
    for count in sorted({-(-most * part // _SPLITS) for part in range(1, _SPLITS + 1)}):
        edges = [problem.layers * stage // count for stage in range(count + 1)]
        for used in (_given(problem)[:count], *(order[-count:] for order in orders)):
            stages = tuple(PlacedStage(*cut, 1, kind) for cut, kind in zip(pairwise(edges), used, strict=True))
            for row, m in product(problem.rows, problem.chains):
                value = judge.value(row, m, stages)
                if value < inf:
                    yield Candidate(row, m, stages, value)


def _moved(problem: Problem, judge: _Judge, plan: Candidate) -> Candidate:
    """Return the plan after all moves that were tried and helped."""
    left = _STAGES_TRIED // len(plan.stages)
    helped = True
    while helped and left > 0:
        helped = False
        for stages in _moves(problem, plan.stages):
            left -= 1
            value = judge.value(plan.row, plan.microbatches, stages)
            if value < plan.value * _BETTER:
                plan, helped = Candidate(plan.row, plan.microbatches, stages, value), True
                break
            if left <= 0:
                break
    return plan


def _moves(problem: Problem, stages: Sequence[PlacedStage]) -> Iterator[tuple[PlacedStage, ...]]:
    """Yield plans in which two stages have changed places, or one has gone to a worker that has none."""
    spare = list(Counter(_given(problem)) - Counter(stage.kind for stage in stages))
    moves: list[dict[int, int]] = [{s: kind} for s in range(len(stages)) for kind in spare]
    pairs = combinations(range(len(stages)), 2)
    moves += [
        {one: stages[other].kind, other: stages[one].kind}
        for one, other in pairs
        if stages[one].kind != stages[other].kind
    ]
    Random(0).shuffle(moves)  # where not all are tried, those that are should be of all parts of the chain
    for move in moves:
        yield tuple(stage._replace(kind=move.get(s, stage.kind)) for s, stage in enumerate(stages))
