"""A plan places each layer once, and its text says all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.placement import Plan, PlannedStage

STAGES = st.builds(
    PlannedStage,
    st.integers(1, 9),
    replicas=st.integers(1, 3),
    blas_threads=st.integers(1, 4),
    worker=st.none() | st.sampled_from(["process", "thread"]),
    memory=st.none() | st.integers(1, 2**50) | st.sampled_from([10**6, 64 * 2**20, 3 * 10**9]),
)
PLANS = st.lists(STAGES, min_size=1, max_size=5).map(lambda stages: Plan(tuple(stages))).filter(lambda p: p.layers > 1)


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


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("3,2", "expected `stages` to place 7 layers and the cost, got '3,2', which leaves out layer 5 (dense:5) and"),
        ("3,3", "expected `stages` to place 7 layers and the cost, got '3,3', which leaves out layer 6 (dense:6); add"),
        ("3,9", "expected `stages` to place 7 layers and the cost, got '3,9': 4 more than there are after layer 6 ("),
        (
            "3,",
            "expected stage 1 as LAYERS[xREPLICAS][:blas_threads=N][:worker=process][:memory=64MB], such as 3 or 2x2",
        ),
        ("3:2,4", "expected stage 0 as LAYERS"),
        ("3:threads=2,4", "expected stage 0 as LAYERS"),
        ("0,7", "stage 0, '0': expected `layers` to be an integer >= 1, got 0"),
        ("3,4x0", "stage 1, '4x0': expected `replicas` to be an integer >= 1, got 0"),
        ("3,4:memory=much", "stage 1, '4:memory=much': expected `memory` to be bytes, such as 64MB or 1.5GiB, got"),
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
