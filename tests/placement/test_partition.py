"""Partitions are exact: none is more even, whatever the costs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.placement import partition


def sums(costs: Sequence[float], cut: Sequence[range]) -> list[float]:
    return [sum(costs[index] for index in part) for part in cut]


def every_cut(layers: int, parts: int) -> list[list[range]]:
    edges = ((0, *inner, layers) for inner in combinations(range(1, layers), parts - 1))
    return [[range(start, stop) for start, stop in pairwise(each)] for each in edges]


def equal_numbers_of_layers(layers: int, parts: int) -> list[range]:
    edges = [layers * part // parts for part in range(parts + 1)]
    return [range(start, stop) for start, stop in pairwise(edges)]


ROWS = st.lists(st.integers(0, 30) | st.sampled_from([0, 1, 500]), min_size=1, max_size=9)


@st.composite
def rows_and_parts(
    draw: st.DrawFn, rows: st.SearchStrategy[list[int]] | st.SearchStrategy[list[float]]
) -> tuple[Sequence[float], int]:
    costs: Sequence[float] = draw(rows)
    return costs, draw(st.integers(1, len(costs)))


@given(rows_and_parts(ROWS))
def test_no_partition_has_a_smaller_largest_part_or_the_same_and_more_even_parts(
    case: tuple[Sequence[float], int],
) -> None:
    costs, parts = case

    def unevenness(cut: Sequence[range]) -> tuple[float, float]:
        return max(sums(costs, cut)), sum(part**2 for part in sums(costs, cut))

    assert unevenness(partition(costs, parts)) == min(map(unevenness, every_cut(len(costs), parts)))


@given(rows_and_parts(st.lists(st.floats(0, 1e12), min_size=1, max_size=60)))
def test_every_layer_is_in_one_part_and_no_part_is_empty(case: tuple[Sequence[float], int]) -> None:
    costs, parts = case
    cut = partition(costs, parts)
    assert len(cut) == parts
    assert all(cut)
    assert [index for part in cut for index in part] == list(range(len(costs)))


@given(rows_and_parts(st.lists(st.integers(0, 10**12), min_size=1, max_size=60)))
def test_a_partition_is_never_worse_than_equal_numbers_of_layers(case: tuple[Sequence[float], int]) -> None:
    costs, parts = case
    assert max(sums(costs, partition(costs, parts))) <= max(sums(costs, equal_numbers_of_layers(len(costs), parts)))


@given(rows_and_parts(ROWS), st.integers(1, 40).map(lambda power: 2.0**power))
def test_a_partition_does_not_depend_on_the_unit_of_the_costs(case: tuple[Sequence[float], int], unit: float) -> None:
    costs, parts = case
    assert partition([cost * unit for cost in costs], parts) == partition(costs, parts)


@pytest.mark.parametrize(
    ("costs", "parts", "expected"),
    [
        ([5], 1, [range(0, 1)]),
        ([1, 2, 3], 1, [range(0, 3)]),
        ([1, 2, 3], 3, [range(0, 1), range(1, 2), range(2, 3)]),
        ([1, 1, 1, 1], 2, [range(0, 2), range(2, 4)]),
        (
            [9, 1, 1, 1, 1],
            3,
            [range(0, 1), range(1, 3), range(3, 5)],
        ),  # the largest part is 9 in any case: the rest is even
        ([1, 1, 1], 2, [range(0, 1), range(1, 3)]),  # of two equally even ones, the one whose last part is longer
        ([0, 0, 0], 2, [range(0, 1), range(1, 3)]),
    ],
)
def test_small_partitions(costs: list[float], parts: int, expected: list[range]) -> None:
    assert list(partition(costs, parts)) == expected


@pytest.mark.parametrize(
    ("costs", "parts", "error"),
    [
        ([1, 1], 3, "expected `parts` to be at most 2 for 2 layers, got 3"),
        ([], 1, "expected `parts` to be at most 0 for 0 layers, got 1"),
        ([1, 1], 0, "expected `parts` to be an integer >= 1, got 0"),
        ([1, 1], 1.5, "expected `parts` to be an integer >= 1, got 1.5"),
        ([1, -1], 1, "expected `cost` to be a number >= 0, got -1"),
        ([1, float("nan")], 1, "expected `cost` to be a number >= 0, got nan"),
    ],
)
def test_numbers_out_of_range_are_refused(costs: list[float], parts: int, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        partition(costs, parts)
    assert str(caught.value).startswith(error)
