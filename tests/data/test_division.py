"""Rows that are divided by groups, by time or as a column says: no group is in two parts, no test row is before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import Dataset
from annex_actors.data.division import Division, Parts
from annex_actors.data.tables import Column, Kind, Table
from tests.data.transforms.tables import number, text


def parts(column: Column, **settings: object) -> Parts:
    """Return the parts of a table of this column, divided by it."""
    table = Table((column,), "")
    return Division(**settings).parts(table, None)  # type: ignore[arg-type]


@given(
    groups=st.lists(st.integers(0, 12), min_size=8, max_size=60).filter(lambda each: len(set(each)) > 3),
    fraction=st.floats(0.05, 0.7),
    seed=st.integers(0, 100),
)
def test_a_group_is_in_one_part_only(groups: list[int], fraction: float, seed: int) -> None:
    column = text("person", [f"p{each}" for each in groups])
    made = parts(column, group="person", test_fraction=fraction, seed=seed)
    train, test = (set(np.array(groups)[rows].tolist()) for rows in (made.train, made.test))
    assert train
    assert test
    assert not train & test
    assert sorted([*made.train, *made.test]) == list(range(len(groups)))
    again = parts(column, group="person", test_fraction=fraction, seed=seed)
    assert np.array_equal(made.test, again.test)


def test_groups_are_apart_in_validation_too() -> None:
    people = [f"p{index % 10}" for index in range(60)]
    made = parts(text("person", people), group="person", validation=0.25)
    assert made.validation is not None
    seen = [set(np.array(people)[rows].tolist()) for rows in (made.train, made.validation, made.test)]
    assert sum(map(len, seen)) == 10
    assert set.union(*seen) == set(people)


@given(times=st.lists(st.integers(0, 1000), min_size=8, max_size=60), fraction=st.floats(0.05, 0.7))
def test_the_last_rows_by_time_are_tested(times: list[int], fraction: float) -> None:
    made = parts(number("day", times), time="day", test_fraction=fraction, validation=0.3)
    moments = np.array(times)
    assert made.validation is not None
    assert moments[made.train].max() <= moments[made.validation].min()
    assert moments[made.validation].max() <= moments[made.test].min()
    assert len(made.train) + len(made.validation) + len(made.test) == len(times)


def test_dates_are_in_order_too() -> None:
    days = np.array(["2020-03-01", "2020-01-01", "2020-02-01"], "datetime64[us]")
    made = parts(Column("day", Kind.DATE, days), time="day", test_fraction=0.34)
    assert (made.train.tolist(), made.test.tolist()) == ([1, 2], [0])


def test_a_column_says_which_part_a_row_is_in() -> None:
    made = parts(text("part", ["train", "Test", "val", "training", "validation"]), split="part")
    assert made.validation is not None
    assert [each.tolist() for each in (made.train, made.test, made.validation)] == [[0, 3], [1], [2, 4]]
    made = parts(text("part", ["train", "train", "train", "test"]), split="part", validation=0.34)
    assert made.validation is not None
    assert len(made.validation) == 1
    assert sorted([*made.train, *made.validation]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("column", "settings", "message"),
    [
        (
            text("part", ["train", "rest"]),
            {"split": "part"},
            "expected train, test or validation in row 1",
        ),
        (text("part", ["train", "train"]), {"split": "part"}, "expected rows to train and to test on in column part"),
        (text("part", ["train", None]), {"split": "part"}, "expected a cell to divide rows by in row 1, column part"),
        (text("who", ["a", "a"]), {"group": "who"}, "expected at least 2 groups in column who, got 1"),
        (text("day", ["a", "b"]), {"time": "day"}, "expected a date or a number in row 0, column day, got 'a'"),
        (number("day", [1, np.nan]), {"time": "day"}, "in row 1, column day, got a missing one; fill it in"),
        (number("day", [1]), {"time": "day"}, "expected at least 2 rows to divide, got 1"),
        (number("day", [1, 2]), {"time": "date"}, "expected `time` to be one of day, got 'date'"),
    ],
)
def test_a_column_that_divides_nothing_is_refused(column: Column, settings: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parts(column, **settings)


def test_rows_are_divided_by_one_column_only() -> None:
    with pytest.raises(ConfigError, match="expected one column to divide rows by, got group, time"):
        Division(group="a", time="b")


def test_what_divides_the_rows_teaches_nothing_and_validation_rows_shape_no_transform() -> None:
    numbers = np.arange(30) % 7 + 0.5
    table = Table(
        (number("size", numbers), text("person", [f"p{index % 6}" for index in range(30)]), text("y", ["a", "b"] * 15)),
        "",
    )
    made = Dataset.from_table(table, group="person", validation=0.3)
    assert made.validation is not None
    assert made.preparation is not None
    assert made.preparation.feature_names == ("size",)
    assert len(made.train) + len(made.validation) + len(made.test) == 30
    assert abs(made.train.inputs.mean()) < 1e-6  # of the training rows alone
    with pytest.raises(DataError, match=r"write Dataset.from_table\(table, validation=0.5\)"):
        made.with_validation(0.5) if made.validation is None else Dataset.from_table(table).with_validation(0.5)
