"""A few cells of text among many numbers are typing errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.data.tables import Column, Kind, read_table
from annex_actors.data.tables.odd_cells import odd_cell
from annex_actors.data.tables.summary import summary_of


def text(cells: Sequence[str | None]) -> Column:
    """Return a column of text."""
    return Column("x", Kind.TEXT, np.array(cells, object))


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        (["1"] * 19 + ["x"], 19),
        (["1"] * 18 + ["x"], None),
        (["1"] * 18 + [None] * 5 + ["x"], None),
        (["1"] * 18 + ["x", "y"], None),
        (["1"] * 38 + ["x", "y"], 38),
        ([None, "12,5x"] + ["-1,5", "2", ",5e3"] * 10, 1),
        (["1", "1,5"] * 10 + ["1.234,5"], 20),
        (["1.5", "2"] * 10 + ["1,5"], 20),
        (["1"] * 38 + ["1,5", "1 000"], 39),
        (["1"] * 20 + ["1_000"], 20),
        (["1"] * 20 + ["²"], 20),
        (["1E3", "-Infinity"] * 20 + ["."], 40),
        (["a"] * 30 + ["1"], None),
        (["1,5"] * 30, None),
        ([], None),
    ],
)
def test_the_first_cell_that_is_no_number_is_found_where_nearly_all_are(
    cells: Sequence[str | None], row: int | None
) -> None:
    assert odd_cell(text(cells)) == row


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=19, max_size=60), st.data())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_it_is_found_wherever_it_stands(numbers: list[float], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(numbers)))
    cells = [repr(each) for each in numbers]
    assert odd_cell(text([*cells[:row], "1O", *cells[row:]])) == row


def test_a_column_of_numbers_has_no_odd_cell() -> None:
    assert odd_cell(Column("x", Kind.NUMBER, np.arange(30.0))) is None


def test_a_summary_names_the_cell_and_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("\n".join(["x;y", *(f"{each},5;1" for each in range(30)), "12,5x;2"]))
    found = summary_of(read_table(tmp_path / "mine.csv"))
    assert [each.suspicion for each in found.columns] == ["not a number: '12,5x' in line 32", ""]
