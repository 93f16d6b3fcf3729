"""A plan says what bounds it, why the second best lost, and which layers a hop would cost more than it buys."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.placement.memory import plan_memory
from annex_actors.placement.planner import Chain, LayerCosts, Link, Problem, Worker, plan
from annex_actors.placement.planner.choices import structure
from annex_actors.placement.planner.texts import lines, sentences
from annex_actors.placement.profile import Hop, LayerProfile, Profile, Timing
from annex_actors.schedules.table import discipline
from tests.placement.planner.problems import random_problem


def chain(*seconds: float) -> Chain:
    """Return layers whose F, B and W take as long each."""
    return Chain(tuple(LayerCosts(each, each, each, parameter_bytes=100, saved_bytes=10) for each in seconds))


@pytest.mark.parametrize("seed", range(40))
def test_the_terms_of_a_step_add_up_to_it_and_none_is_below_zero(seed: int) -> None:
    problem = random_problem(seed)
    try:
        found = plan(problem)
    except ConfigError:
        return
    for each in (found.best, found.second):
        if each is None:
            continue
        layers, row = problem.chains[each.microbatches].layers, discipline(each.schedule)
        if problem.layers > 1:  # a plan has a layer and the cost
            needs = plan_memory(each.plan, layers, row, each.microbatches)
            assert [stage.memory for stage in each.stages] == [stage.total for stage in needs]
        assert sum(astuple(each.terms)) == pytest.approx(each.seconds)
        assert min(astuple(each.terms)) >= -1e-9
        assert 0 <= each.bubble <= 1
        assert each.memory == max(stage.memory for stage in each.stages)
        workers = [worker for stage in each.stages for worker in stage.workers]
        assert len(set(workers)) == len(workers) <= len(problem.workers)
        for stage in each.stages:
            for worker in stage.workers:
                most = problem.workers[worker].memory
                assert most is None or stage.memory <= most


@pytest.mark.parametrize("seed", range(15))
def test_the_second_plan_is_another_one_and_no_better(seed: int) -> None:
    problem = replace(random_problem(seed), objective="throughput", workers=[Worker()] * 3)
    found = plan(problem)
    if found.second is None:
        assert problem.layers == len(problem.chains) == 1, "with one stage, all these schedules do the same"
        return
    assert found.loss is not None
    assert found.second.seconds >= found.best.seconds * (1 - 1e-8)
    assert bool(found.loss.term) == (found.loss.by > 1e-6)
    rows = [discipline(each.schedule) for each in (found.best, found.second)]
    pairs = zip(rows, (found.best, found.second), strict=True)
    assert len({structure(row, each.microbatches, len(each.stages)) for row, each in pairs}) == 2


def test_the_bottleneck_works_longest() -> None:
    found = plan(Problem({4: chain(1, 1, 5, 1)}, [Worker()] * 3, schedules=["gpipe"]))
    assert found.best.stages[found.best.bottleneck].layers == range(2, 3)


def test_the_second_plan_loses_by_its_hops_where_more_stages_are_too_many() -> None:
    found = plan(Problem({8: chain(1, 1)}, [Worker()] * 2, Link(100), schedules=["gpipe"]))
    assert len(found.best.stages) == 1
    assert found.loss is not None
    assert found.loss.term == "hops"


def test_the_second_plan_loses_by_its_slowest_stage_where_more_stages_are_better() -> None:
    found = plan(Problem({8: chain(1, 1)}, [Worker()] * 2, schedules=["gpipe"]))
    assert len(found.best.stages) == 2
    assert found.loss is not None
    assert found.loss.term == "work"


def test_the_second_plan_loses_by_memory() -> None:
    problem = Problem({1: chain(1, 1), 2: chain(1, 1)}, schedules=["gpipe"], objective="memory")
    found = plan(problem)
    assert found.best.microbatches == 1
    assert found.loss is not None
    assert found.loss.term == "memory"
    assert found.loss.by == pytest.approx(20 / 620)


def test_layers_are_to_be_merged_where_a_hop_costs_more_than_it_buys() -> None:
    layers = (LayerCosts(5, 5, 5), LayerCosts(0.1, 0.1, 0.1), LayerCosts(0.2, 0.2, 0.2), LayerCosts(5, 5, 5))
    found = plan(Problem({8: Chain(layers)}, [Worker()] * 4, Link(3), schedules=["gpipe"]))
    assert [(each.layers, round(each.share, 2)) for each in found.merges] == [(range(2), 0.39), (range(2, 4), 0.38)]
    found = plan(Problem({8: Chain(layers)}, [Worker()] * 4, Link(0.01), schedules=["gpipe"]))
    assert not found.merges, "a hop is small beside any layer"
    found = plan(Problem({1: Chain((LayerCosts(0.1, 0.1, 0.1),) * 3)}, [Worker()] * 3, Link(0.27), schedules=["gpipe"]))
    (merge,) = found.merges
    assert merge.layers == range(3)
    assert merge.share == pytest.approx(0.6)
    assert sentences(found)[-1] == "merge layers 0 to 2: a hop between them is 60% of their work"


def test_a_plan_without_enough_memory_says_how_much_would_be() -> None:
    problem = Problem({2: chain(1, 1)}, [Worker(memory=100)] * 2, schedules=["gpipe"])
    with pytest.raises(ConfigError, match=r"enough memory .* \(with 320 bytes on each worker there is one\)"):
        plan(problem)
    assert plan(replace(problem, workers=[Worker(memory=320)] * 2)).best.memory == 320


def test_what_a_person_reads_names_every_layer_and_the_reasons() -> None:
    found = plan(Problem({8: chain(1e-3, 1e-3, 1e-3)}, [Worker()] * 2, schedules=["gpipe"], objective="time"))
    text = "\n".join(lines(found, ["dense:3", "relu", "the cost"], 100))
    assert "0-1 dense:3, relu" in text or "1-2 relu, the cost" in text
    assert "gpipe, 2 stages, 8 microbatches: a step alone takes 49 ms" in text
    assert "second: gpipe, 1 stage, 8 microbatches, " in text
    assert "its slowest stage works longer" in text


def test_the_plan_is_one_that_runtimes_take() -> None:
    problem = Problem({4: chain(1, 1, 5, 1)}, [Worker()] * 4, schedules=["gpipe"], most_replicas=2)
    found = plan(problem)
    assert found.plan.layers == 4
    assert found.plan.ranges == tuple(each.layers for each in found.best.stages)


def timing(seconds: float) -> Timing:
    return Timing(seconds, seconds, seconds)


def test_a_problem_is_made_of_a_profile() -> None:
    layer = LayerProfile(
        "dense:3",
        timing(1.0),
        timing(2.0),
        timing(3.0),
        timing(4.0),
        80,
        90,
        100,
        optimizer_bytes=110,
        factor_bytes=120,
    )
    profile = Profile(10, (layer, layer), {"threads": Hop(0.5, 0.25, 0.125)}, {}, beside=1.0)
    problem = Problem.of(profile, batch_size=20, microbatches=[1, 2, 3], runtime="threads", workers=[Worker()] * 2)
    assert problem.chains[2].layers[0] == LayerCosts(1, 2, 3, 4, 80, 90, 100, 110, 120)
    assert problem.chains[1].layers[0].forward == 2
    assert problem.chains[3].layers[0].forward == pytest.approx(0.7), "the largest of its microbatches has 7 rows"
    assert problem.link == Link(0.5, 0.25)
    assert problem.piece == pytest.approx(1.125)
    with pytest.raises(ConfigError, match="runtime"):
        Problem.of(profile, batch_size=20, microbatches=[1], runtime="processes")
    with pytest.raises(ConfigError, match="expected `microbatches` to be an integer >= 1 and < 21, got 40"):
        Problem.of(profile, batch_size=20, microbatches=[40], runtime="threads")


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"chains": {}}, "expected `chains` to be at least one"),
        ({"chains": {1: chain(1), 2: chain(1, 1)}}, "expected `chains` to be at least one, all with as many layers"),
        ({"workers": []}, "expected `workers` to be at least one, got none"),
        ({"schedules": []}, "expected `schedules` to be at least one, got none"),
        ({"schedules": ["interleaved"]}, "expected `schedules` that give each stage a worker of its own"),
        ({"schedules": "gpipe"}, "expected `schedules` to be names"),
        ({"objective": "speed"}, "expected `objective` to be one of time, memory, throughput"),
        ({"most_replicas": 0}, "expected `most_replicas` to be an integer >= 1, got 0"),
        ({"cores": 0}, "expected `cores` to be an integer >= 1, got 0"),
        ({"piece": -1}, "expected `piece` to be a number >= 0, got -1"),
    ],
)
def test_a_problem_that_is_none_is_refused(settings: dict[str, object], error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Problem(**{"chains": {1: chain(1)}, **settings})  # type: ignore[arg-type]
    assert str(caught.value).startswith(error)
