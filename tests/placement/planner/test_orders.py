"""Of many unlike workers and links, plans are no worse than equal splits, and seldom than the best."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random
from statistics import median

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.placement.planner import Chain, LayerCosts, Link, Problem, Worker, orders
from annex_actors.placement.planner.hops import kinds
from annex_actors.placement.planner.planned import plan
from annex_actors.placement.planner.search import fastest
from annex_actors.schedules.table import SYNCHRONOUS
from tests.matrix import matrix
from tests.placement.planner.brute_force import Option, Placed, seconds
from tests.placement.planner.problems import random_linked_problem, random_links


def _costs(random: Random) -> LayerCosts:
    forward, backward, weight_gradient, update = (random.uniform(0, 2) for _ in range(4))
    return LayerCosts(forward, backward, weight_gradient, update, output_bytes=50)


def unlike(seed: int, layers: int, workers: int) -> Problem:
    """Return a problem in which no two workers are alike, on nodes with names."""
    random = Random(seed)
    each = tuple(_costs(random) for _ in range(layers))
    return Problem(
        {random.randint(1, 8): Chain(each)},
        [Worker(random.uniform(0.3, 2), node=f"n{number}") for number in range(workers)],
        schedules=[random.choice(SYNCHRONOUS)],
        objective=random.choice(["time", "throughput"]),
        links=[
            [Link(Random(f"{seed} {sorted((one, other))}").random() * 3) for other in range(workers)]
            for one in range(workers)
        ],
    )


@pytest.mark.parametrize("seed", matrix(range(200), sample=12, id=str))
def test_a_plan_is_no_worse_than_equal_splits_over_the_workers_as_given(seed: int) -> None:
    problem = unlike(seed, 16, 8)
    assert not orders.is_small(problem)
    found = fastest(problem)
    assert found is not None
    (m,), (row,) = problem.chains, problem.rows
    for count in (8, 4, 2, 1):
        edges = [16 * stage // count for stage in range(count + 1)]
        stages = tuple(Placed(*cut, 1, problem.workers[s], s) for s, cut in enumerate(pairwise(edges)))
        assert found.value <= seconds(problem, Option(row, m, stages)) * (1 + 1e-8), f"seed {seed}"


def test_where_the_best_plan_is_known_the_method_comes_near_it(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [replace(unlike(seed, 7, 4), cores=None) for seed in range(30)]
    exact = [fastest(problem) for problem in problems]
    monkeypatch.setattr(orders, "_MOST_STATES", 0)
    near = [fastest(problem) for problem in problems]
    ratios = [one.value / best.value for one, best in zip(near, exact, strict=True) if one and best]
    assert len(ratios) == 30
    assert min(ratios) >= 1 - 1e-8
    assert median(ratios) <= 1 + 1e-8
    assert max(ratios) <= 1.25


@pytest.mark.parametrize("seed", range(40))
def test_its_plans_keep_to_every_limit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "_MOST_STATES", 0)
    problem = random_linked_problem(seed)
    try:
        found = plan(problem)
    except ConfigError:
        return
    for each in (found.best, found.second):
        workers = [worker for stage in each.stages for worker in stage.workers] if each else []
        assert len(set(workers)) == len(workers)
        for stage in each.stages if each else ():
            most = problem.workers[stage.workers[0]].memory
            assert most is None or stage.memory <= most, f"seed {seed}"


def test_a_chain_stays_on_one_side_of_a_slow_link() -> None:
    near, far = Link(0.1), Link(20)
    east, west = {0, 2, 4}, {1, 3, 5}
    links = [[near if {one, other} <= east or {one, other} <= west else far for other in range(6)] for one in range(6)]
    workers = [Worker(node=f"{'east' if number in east else 'west'}-{number}") for number in range(6)]
    chains = {4: Chain((LayerCosts(1, 1, 1),) * 12)}
    found = plan(Problem(chains, workers, links=links, schedules=["1f1b"]))
    used = [stage.workers[0] for stage in found.best.stages]
    assert len(used) == 3
    assert set(used) in (east, west)
    assert [stage.node for stage in found.plan.stages] == [workers[number].node for number in used]


def test_workers_with_the_same_links_are_of_one_kind() -> None:
    links = random_links(Random(0), 6)
    for row in (*links, *zip(*links, strict=True)):
        assert len(row) == 6
    alike = [[Link(1 if one // 3 == other // 3 else 9) for other in range(6)] for one in range(6)]
    problem = Problem({1: Chain((LayerCosts(1),))}, [Worker()] * 5 + [Worker(2)], links=alike)
    assert [kind.numbers for kind in kinds(problem)] == [(5,), (0, 1, 2), (3, 4)]


@pytest.mark.parametrize(
    ("links", "error"),
    [
        ([[Link()]], "expected `links` to be a row for each of 2 workers, each with a link for each, got rows"),
        ([[Link()] * 2, [Link()]], "got rows of other lengths; correct them"),
        ([[Link(), Link(1)], [Link(2), Link()]], "got Link(latency=1.0, per_byte=0.0) from worker 0 to 1 and Link(lat"),
        ([[1, 2], [3, 4]], "expected `links[0]` to be a row for each of 2 workers, each with a link for each, got 1"),
        (3, "expected `links` to be a row for each of 2 workers, each with a link for each, got 3"),
    ],
)
def test_links_that_are_no_matrix_are_refused(links: object, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Problem({1: Chain((LayerCosts(1),))}, [Worker()] * 2, links=links)  # type: ignore[arg-type]
    assert error in str(caught.value)
