"""The curve of costs: every cost once, in bounded memory."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from annex_actors.page import costs
from annex_actors.page.costs import MOST_COSTS, CostCurve


def points(records: list[dict[str, Any]]) -> dict[int, float | None]:
    """Return the costs of records by the step at which each begins."""
    return {
        record["step"] + index * record["stride"]: cost
        for record in records
        for index, cost in enumerate(record["costs"])
    }


def test_few_costs_are_kept_as_they_are() -> None:
    curve = CostCurve()
    for step in range(5):
        curve.add(step, step / 2)
    assert points(list(curve.records())) == {step: step / 2 for step in range(5)}


def test_a_repeated_step_counts_once() -> None:
    curve = CostCurve()
    for step in (0, 1, 1, 0, 2):
        curve.add(step, float(step))
    assert points(list(curve.records())) == {0: 0.0, 1: 1.0, 2: 2.0}


def test_what_is_fresh_is_told_once() -> None:
    curve = CostCurve()
    curve.add(7, 1.0, time=3.5)
    curve.add(8, 2.0, time=3.6)
    assert list(curve.fresh()) == [{"type": "costs", "step": 7, "costs": [1.0, 2.0], "stride": 1, "time": 3.6}]
    assert list(curve.fresh()) == []


def test_a_cost_that_is_not_finite_is_a_gap_that_json_can_hold() -> None:
    curve = CostCurve()
    for step, cost in enumerate([1.0, math.inf, math.nan]):
        curve.add(step, cost)
    assert points(list(curve.records())) == {0: 1.0, 1: None, 2: None}


@given(first=st.integers(0, 10), steps=st.integers(1, 3000), most=st.integers(1, 50))
def test_a_long_curve_is_bounded_and_has_the_mean_of_each_stride(first: int, steps: int, most: int) -> None:
    costs.MOST_COSTS = most
    try:
        curve = CostCurve()
        for step in range(first, first + steps):
            curve.add(step, float(step))
        records = list(curve.records())
    finally:
        costs.MOST_COSTS = MOST_COSTS
    assert sum(len(record["costs"]) for record in records) <= 2 * most + max(record["stride"] for record in records)
    stride = records[0]["stride"]
    for record in records:
        for at, cost in points([record]).items():
            assert cost == at + (record["stride"] - 1) / 2
    last = records[-1]
    assert last["step"] + len(last["costs"]) * last["stride"] == first + steps
    assert stride == 1 or stride % 2 == 0
