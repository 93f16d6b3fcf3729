"""A plan places each layer once, and its text says all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.placement import Plan, PlannedStage
from annex_actors.placement.plan import needs_of

NAMES = st.text("ab7x.-/_", min_size=1, max_size=4)
LABELS = st.dictionaries(NAMES, NAMES, max_size=2)
AMOUNTS = st.integers(0, 4) | st.sampled_from([0.5, 1e-5, 1e300])


@st.composite
def planned_stages(draw: st.DrawFn) -> PlannedStage:
    replicas = draw(st.integers(1, 3))
    return PlannedStage(
        draw(st.integers(1, 9)),
        replicas=replicas,
        blas_threads=draw(st.integers(1, 4)),
        worker=draw(st.none() | st.sampled_from(["process", "thread"])),
        memory=draw(st.none() | st.integers(1, 2**50) | st.sampled_from([10**6, 64 * 2**20, 3 * 10**9])),
        node=draw(st.none() | NAMES | st.lists(st.just("") | NAMES, min_size=replicas, max_size=replicas)),
        labels=draw(LABELS | st.lists(LABELS, min_size=replicas, max_size=replicas)),
        cpus=draw(AMOUNTS),
        gpus=draw(AMOUNTS),
        resources=draw(st.dictionaries(NAMES, AMOUNTS.filter(bool), max_size=2)),
    )


PLANS = st.builds(
    Plan,
    st.lists(planned_stages(), min_size=1, max_size=5).map(tuple),
    strategy=st.sampled_from(["pack", "spread"]),
    wait_seconds=st.integers(0, 100) | st.just(0.25),
).filter(lambda plan: plan.layers > 1)


@given(PLANS)
def test_a_text_says_the_whole_plan(plan: Plan) -> None:
    assert Plan.parse(str(plan), plan.layers - 1) == plan


@given(PLANS)
def test_the_ranges_have_every_layer_and_the_cost_once_and_in_order(plan: Plan) -> None:
    assert [index for stage in plan.ranges for index in stage] == list(range(plan.layers))
    assert [len(stage) for stage in plan.ranges] == [stage.layers for stage in plan.stages]


@pytest.mark.parametrize(
    ("text", "layers", "ranges"),
    [
        ("3,2x2,2", 7, [range(3), range(3, 5), range(5, 8)]),  # the cost joins the last stage
        ("3,2x2,2", 6, [range(3), range(3, 5), range(5, 7)]),  # the cost is counted
        ("3,2x2,2,1", 7, [range(3), range(3, 5), range(5, 7), range(7, 8)]),  # a stage for the cost alone
        (" 1, 1 ", 2, [range(1), range(1, 3)]),
        ("4", 4, [range(5)]),
    ],
)
def test_a_text_counts_the_layers_of_each_stage(text: str, layers: int, ranges: list[range]) -> None:
    assert list(Plan.parse(text, layers).ranges) == ranges


def test_a_text_gives_what_else_a_stage_has() -> None:
    plan = Plan.parse("3:blas_threads=2:memory=64MB,2x2:worker=thread,2", 7)
    assert plan.stages == (
        PlannedStage(3, blas_threads=2, memory=64_000_000),
        PlannedStage(2, replicas=2, worker="thread"),
        PlannedStage(3),
    )
    assert str(plan) == "3:blas_threads=2:memory=64MB,2x2:worker=thread,2"


def test_each_replica_needs_what_the_plan_says_of_it() -> None:
    plan = Plan.parse("3x2:node=a|:labels=zone=east+disk=ssd|zone=west:cpus=2:memory=1kB:resources=nvme=0.5,2", 5)
    first, second = needs_of(plan.stages[0])
    amounts = {"cpus": 2, "memory": 1000, "nvme": 0.5}
    assert (first.node, first.labels, first.amounts) == ("a", {"zone": "east", "disk": "ssd"}, amounts)
    assert (second.node, second.labels, second.amounts) == (None, {"zone": "west"}, amounts)
    assert str(second) == "label zone=west, 2 cpus, 1000 memory, 0.5 nvme"
    assert plan.names_nodes
    assert not Plan.parse("3:cpus=2,2", 5).names_nodes


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("3,2", "expected `stages` to place 7 layers and the cost, got '3,2', which leaves out layer 5 (dense:5) and"),
        ("3,3", "expected `stages` to place 7 layers and the cost, got '3,3', which leaves out layer 6 (dense:6); add"),
        ("3,9", "expected `stages` to place 7 layers and the cost, got '3,9': 4 more than there are after layer 6 ("),
        ("3,", "expected stage 1 as LAYERS[xREPLICAS][:blas_threads=N][:worker=process][:memory=64MB][:node=NAM"),
        ("3:2,4", "expected stage 0 as LAYERS"),
        ("3:threads=2,4", "expected stage 0 as LAYERS"),
        ("0,7", "stage 0, '0': expected `layers` to be an integer >= 1, got 0"),
        ("3,4x0", "stage 1, '4x0': expected `replicas` to be an integer >= 1, got 0"),
        ("3,4:memory=much", "stage 1, '4:memory=much': expected `memory` to be bytes, such as 64MB or 1.5GiB, got"),
        ("3,4:node=a b", "stage 1, '4:node=a b': expected `node` to have names of letters, digits and . _ - / alone"),
        ("3,4:node=a|b", "stage 1, '4:node=a|b': expected `node` to be one for each of 1 replica, got 2"),
        ("3,4:node=a:node=b", "stage 1, '4:node=a:node=b': expected each setting once, got `node` twice; take one"),
        ("3,4:labels=east", "stage 1, '4:labels=east': expected a name and a value such as zone=east, got 'east'"),
        ("3,4:cpus=-1", "stage 1, '4:cpus=-1': expected `cpus` to be a number >= 0, got -1"),
        ("3,4:resources=disk=much", "stage 1, '4:resources=disk=much': expected `resources[disk]` to be a number > 0"),
        ("3,4:resources=cpus=1", "stage 1, '4:resources=cpus=1': expected `resources` beside cpus, gpus, memory, got"),
        (
            "3,4;strategy=near",
            "plan, '3,4;strategy=near': expected `strategy` to be one of spread, pack, ",
        ),
        ("3,4;wait_seconds=-1", "plan, '3,4;wait_seconds=-1': expected `wait_seconds` to be a number >= 0, got -1"),
        ("3,4;pack;5;6", "expected stages with ;strategy=NAME or ;wait_seconds=N behind them, got '3,4;pack;5;6'"),
        (
            "3:node=a,4:node=a;strategy=strict_spread",
            "plan, '3:node=a,4:node=a;strategy=strict_spread': expected a node of its own for each actor with "
            "`strategy` strict_spread, got a for stage 0 and stage 1; name another one, or choose spread",
        ),
        (
            "3:node=a,2,2:node=b;strategy=strict_pack",
            "plan, '3:node=a,2,2:node=b;strategy=strict_pack': expected one node for all with `strategy` "
            "strict_pack, got a for stage 0 and b for stage 2; name one, or choose pack",
        ),
        ("3,4:worker=cloud", "stage 1, '4:worker=cloud': expected `worker` to be one of thread, process, got 'cloud'"),
    ],
)
def test_a_text_that_is_no_plan_for_the_network_is_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan.parse(text, [f"dense:{index}" for index in range(7)])
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)


def test_a_plan_without_the_cost_is_refused() -> None:
    with pytest.raises(ConfigError, match="got a plan for 3, 1,1, which leaves out the cost; it counts as the layer"):
        Plan((PlannedStage(1), PlannedStage(2))).check(3)


def test_a_plan_has_a_stage() -> None:
    with pytest.raises(ConfigError, match="expected `stages` to be at least one, a stage such as"):
        Plan(())
