"""Data frames of any library become tables."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from annex_actors import Kind, Table, table_of
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import Dataset
from annex_actors.data.transforms import Preparation

CELLS: dict[str, list[Any]] = {"size": [1, 2, 3], "price": [1.5, None, 2.5], "code": ["07", "b", None]}


def frame(library: str) -> Any:
    """Return a data frame of a library, if it is installed."""
    if library == "pyarrow":
        return pa.table(CELLS)
    return pytest.importorskip(library).DataFrame(CELLS)


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_a_frame_becomes_a_table(library: str) -> None:
    table = table_of(frame(library))
    assert {column.name: column.kind for column in table} == {
        "size": Kind.INTEGER,
        "price": Kind.NUMBER,
        "code": Kind.TEXT,
    }
    assert np.array_equal(table["price"].values, [1.5, np.nan, 2.5], equal_nan=True)
    assert table["code"].values.tolist() == ["07", "b", None]
    assert table.source == f"a data frame of {library}"
    assert table.place(1, "code") == "row 1, column code"


def test_types_of_pandas_stay() -> None:
    pandas = pytest.importorskip("pandas")
    table = table_of(
        pandas.DataFrame(
            {
                0: pandas.Categorical([5, 6]),
                "day": pandas.to_datetime(["2020-01-01", None]).tz_localize("Europe/Berlin"),
                "whole": pandas.array([1, None], "Int64"),
                "truth": pandas.array([True, None], "boolean"),
            },
            index=[7, 9],
        )
    )
    assert [column.kind for column in table] == [Kind.TEXT, Kind.DATE, Kind.INTEGER, Kind.BOOLEAN]
    assert table["0"].values.tolist() == ["5", "6"]
    assert table["day"].values[0] == np.datetime64("2019-12-31T23:00")
    assert table["whole"].missing.tolist() == [False, True]


def test_frames_that_cannot_be_tables_are_refused_by_column() -> None:
    pandas = pytest.importorskip("pandas")
    for cells, message in (
        ({"odd": [1, "x"]}, "expected cells of one type in column odd, got: "),
        ({"odd": [[1], [2]]}, "got list<.*> in column odd"),
        ({"odd": []}, "expected rows and columns"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            table_of(pandas.DataFrame(cells))
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="'a' 2 times; rename them") as caught:
        table_of(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    assert "\n" not in str(caught.value)


def test_a_frame_that_is_computed_later_is_refused() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(ConfigError, match=r"a data frame in memory, got .*; call its compute\(\) or collect\(\) first"):
        table_of(polars.DataFrame(CELLS).lazy())


@pytest.mark.parametrize("value", [None, 5, "t.csv", {"a": [1]}, np.ones((2, 2)), pa.array([1]), Table])
def test_what_is_no_frame_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="expected `frame` to be a data frame, such as one of pandas or polars, got"):
        table_of(value)


def test_a_table_stays_itself() -> None:
    table = table_of(pa.table(CELLS))
    assert table_of(table) is table


WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "polars", "dask"):
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
import pyarrow
from annex_actors import table_of
print(table_of(pyarrow.table({"a": [1, 2]})))
"""


def test_no_library_of_frames_is_needed() -> None:
    found = subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=100, capture_output=True, text=True)
    assert found.stdout == "Table(2 rows, 1 column, 'a data frame of pyarrow')\n"


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_a_data_set_and_its_preparation_take_frames(library: str) -> None:
    cells = {"size": [*range(20)], "colour": ["red", None] * 10, "risk": ["low", "high"] * 10}
    made = pa.table(cells) if library == "pyarrow" else pytest.importorskip(library).DataFrame(cells)
    data, expected = Dataset.from_table(made), Dataset.from_table(table_of(made))
    assert data.preparation is not None
    assert expected.preparation is not None
    assert data.preparation.to_bytes() == expected.preparation.to_bytes()
    assert data.train.inputs.tobytes() == expected.train.inputs.tobytes()
    assert data.source.startswith(f"a data frame of {library}, target in column risk")
    assert data.preparation.inputs(made).tobytes() == data.preparation.inputs(table_of(made)).tobytes()
    assert data.preparation.targets(made).tolist() == [1, 0] * 10
    assert Preparation.fit(made).classes == ("high", "low")


def test_what_is_no_frame_is_refused_by_its_argument() -> None:
    with pytest.raises(ConfigError, match=r"expected `table` to be a data frame, such as .*, got 3; Dataset"):
        Dataset.from_table(3)
