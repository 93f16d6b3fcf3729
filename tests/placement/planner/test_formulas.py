"""The formulas agree with the simulator: exactly where they say so, and else never above it."""

from __future__ import annotations

from random import Random

import pytest

from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.placement.planner.evaluation import evaluate
from annex_actors.placement.planner.hops import kinds
from annex_actors.placement.planner.problem import Chain, LayerCosts, Link, Problem, Worker
from annex_actors.placement.planner.stages import Limits
from annex_actors.placement.planner.ways import PlacedStage
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.schedules.table import ASYNCHRONOUS, SYNCHRONOUS, discipline

BOUNDED = [row.name for row in SYNCHRONOUS if row.name not in ("sequential", "gpipe")]


def random_stages(random: Random, most: int = 6) -> list[LayerCosts]:
    return [LayerCosts(*(random.randint(1, 9) for _ in range(4))) for _ in range(random.randint(1, most))]


def predicted(row: str, stages: list[LayerCosts], m: int, hop: float, objective: str, speeds: list[float]) -> float:
    """Return the seconds of a plan in which each layer is a stage."""
    workers = [Worker(speed) for speed in speeds]
    problem = Problem({m: Chain(tuple(stages))}, workers, Link(hop), schedules=[row], objective=objective)
    order = [kind.worker for kind in kinds(problem)]
    placed = [PlacedStage(s, s + 1, 1, order.index(worker)) for s, worker in enumerate(workers)]
    return evaluate(problem, discipline(row), m, placed).seconds


def simulated(
    row: str, stages: list[LayerCosts], m: int, hop: float, speeds: list[float], steps: int = 1
) -> Simulation:
    times = [LayerTimes(each.forward, each.backward, each.weight_gradient, each.update) for each in stages]
    costs = CostModel(latency=hop, slowness={s: 1 / speed for s, speed in enumerate(speeds)})
    return simulate(row, stages=len(stages), microbatches=m, steps=steps, times=times, costs=costs, pieces=False)


@pytest.mark.parametrize("row", ["sequential", "gpipe"])
def test_a_step_alone_takes_exactly_as_long_as_in_the_simulator(row: str, whole: bool) -> None:
    random = Random(4)
    for _ in range(300 if whole else 40):
        stages, m, hop = random_stages(random), random.randint(1, 16), random.randint(0, 3)
        speeds = [random.choice([1.0, 0.5, 2.0]) for _ in stages]
        got = simulated(row, stages, m, hop, speeds).makespan
        assert predicted(row, stages, m, hop, "time", speeds) == pytest.approx(got, rel=1e-12)


@pytest.mark.parametrize("row", [*BOUNDED, *(row.name for row in ASYNCHRONOUS)])
def test_a_step_alone_never_takes_less_than_the_bound(row: str, whole: bool) -> None:
    random, ratios = Random(5), []
    for _ in range(200 if whole else 15):
        stages, m, hop = random_stages(random), random.randint(1, 16), random.randint(0, 3)
        speeds = [random.choice([1.0, 0.5, 2.0]) for _ in stages]
        bound = predicted(row, stages, m, hop, "time", speeds)
        got = simulated(row, stages, m, hop, speeds).makespan
        assert bound <= got * (1 + 1e-12)
        ratios.append(got / bound)
    assert sum(ratios) / len(ratios) < 1.15, "and comes near it"


@pytest.mark.parametrize("row", ["sequential", "gpipe", *BOUNDED, *(row.name for row in ASYNCHRONOUS)])
def test_in_the_long_run_no_step_takes_less_than_the_bound(row: str, whole: bool) -> None:
    """Those of `sequential` and `gpipe` may: theirs is for steps that are all alike, which is what they come to."""
    random = Random(6)
    for _ in range(60 if whole else 5):
        stages, m, hop = random_stages(random, 4), random.randint(1, 8), random.randint(0, 3)
        speeds = [1.0] * len(stages)
        spans = [simulated(row, stages, m, hop, speeds, steps).makespan for steps in (12, 36)]
        bound, got = predicted(row, stages, m, hop, "throughput", speeds), (spans[1] - spans[0]) / 24
        if row in ("sequential", "gpipe"):
            assert bound >= got * (1 - 1e-12)
        else:
            assert bound <= got * (1 + 1e-12)


@pytest.mark.parametrize("stages", [1, 2, 4])
@pytest.mark.parametrize("row", ["1f1b", "1f1b-latency-hiding", "zb-h1", "zb-h2"])
def test_the_bound_of_equal_stages_is_exact(row: str, stages: int) -> None:
    each = [LayerCosts(1, 1, 1)] * stages
    speeds = [1.0] * stages
    for m in (2 * stages, 3 * stages):
        assert predicted(row, each, m, 0, "time", speeds) == simulated(row, each, m, 0, speeds).makespan
        spans = [simulated(row, each, m, 0, speeds, steps).makespan for steps in (4, 12)]
        assert predicted(row, each, m, 0, "throughput", speeds) == (spans[1] - spans[0]) / 8


@pytest.mark.parametrize("row", [row.name for row in (*SYNCHRONOUS, *ASYNCHRONOUS)])
def test_a_stage_never_keeps_more_than_its_memory_is_counted_for(row: str) -> None:
    random = Random(7)
    for _ in range(8):
        stages, m = random_stages(random), random.randint(1, 8)
        got = simulated(row, stages, m, 0, [1.0] * len(stages), steps=5)
        for s, tally in enumerate(got.stages):
            limits = Limits.of(discipline(row), s, len(stages), m)
            assert tally.in_flight <= limits.in_flight
            assert tally.deferred <= limits.deferred
            assert tally.versions <= limits.lag + 1
