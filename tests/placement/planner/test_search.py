"""Plans are exact: as good as the best of all plans of a small problem, and never worse than equal splits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.placement.planner.choices import structure
from annex_actors.placement.planner.hops import kinds
from annex_actors.placement.planner.orders import is_small
from annex_actors.placement.planner.problem import Chain, LayerCosts, Link, Objective, Problem, Worker
from annex_actors.placement.planner.search import fastest, smallest
from annex_actors.schedules.table import SYNCHRONOUS
from tests.matrix import matrix
from tests.placement.planner.brute_force import Option, Placed, memory, options, seconds
from tests.placement.planner.problems import ROWS, random_linked_problem, random_problem


@pytest.mark.parametrize("seed", matrix(range(2000), sample=90, id=str))
def test_no_plan_is_better(seed: int) -> None:
    _check_best(random_problem(seed))


@pytest.mark.parametrize("seed", matrix(range(2000), sample=90, id=str))
def test_no_plan_is_better_where_each_two_workers_have_a_link_of_their_own(seed: int) -> None:
    problem = random_linked_problem(seed)
    assert is_small(problem)
    _check_best(problem)


def _check_best(problem: Problem) -> None:
    if problem.goal is not Objective.MEMORY:
        found = fastest(problem)
        best = min((seconds(problem, each) for each in options(problem)), default=None)
        assert (found and found.value) == (best and pytest.approx(best, rel=1e-8))
        return
    least = smallest(problem)
    both = min(((memory(problem, each), seconds(problem, each)) for each in options(problem)), default=None)
    assert (least and least.value) == (both and both[0])
    if least is not None and both is not None:
        quickest = fastest(problem, memory=int(least.value))
        assert quickest is not None
        assert quickest.value == pytest.approx(both[1], rel=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_the_second_best_is_the_best_with_another_structure(seed: int) -> None:
    problem = replace(random_problem(seed), objective="throughput")
    best = fastest(problem)
    if best is None:
        return
    others = [each for each in options(problem) if structure(each.row, each.m, len(each.stages)) != best.structure]
    second = fastest(problem, {best.structure})
    assert (second and second.value) == (
        pytest.approx(min(seconds(problem, each) for each in others), rel=1e-8) if others else None
    )


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    numbers = st.floats(0, 10)
    layers = draw(st.lists(st.builds(LayerCosts, numbers, numbers, numbers, numbers), min_size=1, max_size=30))
    return Problem(
        {draw(st.integers(1, 32)): Chain(tuple(layers))},
        [Worker()] * draw(st.integers(1, 8)),
        Link(draw(numbers)),
        piece=draw(numbers),
        schedules=[draw(st.sampled_from(ROWS))],
        objective=draw(st.sampled_from(["time", "throughput"])),
    )


@given(problems())
def test_a_plan_is_never_worse_than_equal_splits(problem: Problem) -> None:
    found = fastest(problem)
    assert found is not None
    (kind,), (m,), (row,) = kinds(problem), problem.chains, problem.rows
    for stages in range(1, min(problem.layers, len(problem.workers)) + 1):
        edges = [problem.layers * stage // stages for stage in range(stages + 1)]
        equal = Option(row, m, tuple(Placed(start, stop, 1, kind.worker) for start, stop in pairwise(edges)))
        assert found.value <= seconds(problem, equal) * (1 + 1e-8)


def test_the_layers_of_a_plan_are_all_layers_in_order_and_its_workers_are_there() -> None:
    problem = Problem(
        {m: Chain([LayerCosts(1, 1, 1, output_bytes=1, parameter_bytes=1)] * 9) for m in (1, 2, 4)},  # type: ignore[arg-type]
        [Worker(), Worker(), Worker(0.5)],
        schedules=SYNCHRONOUS,
        most_replicas=2,
    )
    found = fastest(problem)
    assert found is not None
    layers = [layer for stage in found.stages for layer in range(stage.start, stage.stop)]
    assert layers == list(range(9))
    counts = [len(each.numbers) for each in kinds(problem)]
    for kind, count in enumerate(counts):
        assert sum(stage.replicas for stage in found.stages if stage.kind == kind) <= count


def test_without_a_plan_within_the_memory_there_is_none() -> None:
    layers = (LayerCosts(1, parameter_bytes=10),) * 3
    assert fastest(Problem({2: Chain(layers)}, [Worker(memory=29)] * 3)) is None
    assert fastest(Problem({2: Chain(layers)}, [Worker(memory=30)] * 3)) is not None
    assert fastest(Problem({2: Chain(layers)}, [Worker(memory=30)] * 2)) is None


def test_work_that_takes_no_time_has_a_plan() -> None:
    found = fastest(Problem({2: Chain((LayerCosts(),) * 3)}, [Worker()] * 2))
    assert found is not None
    assert found.value == 0
    assert len(found.stages) == 1
