"""Files of predictions: each form holds the same, is written piece by piece, and no cell is taken for a formula."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.data.tables import Column, Kind, read_table
from annex_actors.runs.prediction_files import ENDINGS, Columns, predictions_to

DAYS = np.array(["2020-01-02", "NaT", "2020-01-03T10:00"], "datetime64[us]")
COLUMNS: Columns = {
    "name": Column("name", Kind.TEXT, np.array(["=1+1", None, "-5"], object)),
    "count": Column("count", Kind.INTEGER, np.array([1.0, np.nan, 3.0])),
    "paid": Column("paid", Kind.BOOLEAN, np.array([1.0, 0.0, np.nan]), ("no", "yes")),
    "day": Column("day", Kind.DATE, DAYS),
    "class": np.array(["@a", "b", "b"], object),
    "probability": np.array([0.5, 0.25, 1.0], np.float32),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_form_can_be_read_again_and_has_all_pieces(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with predictions_to(path) as write:
        write(COLUMNS)
        write(COLUMNS)
    table = read_table(path)
    assert table.names == tuple(COLUMNS)
    assert len(table) == 6
    assert table["probability"].values.tolist() == [0.5, 0.25, 1.0] * 2
    assert table["count"].kind is Kind.INTEGER
    assert table["paid"].kind is Kind.BOOLEAN
    assert table["day"].values[[0, 2]].tolist() == DAYS[[0, 2]].tolist()
    assert table["name"].missing.tolist() == [False, True, False] * 2


def test_no_cell_of_a_csv_file_begins_as_a_formula_and_numbers_stay_numbers(tmp_path: Path) -> None:
    with predictions_to(tmp_path / "out.csv") as write:
        write({"=name": COLUMNS["name"], "class": COLUMNS["class"]})
    assert (tmp_path / "out.csv").read_text() == (""""'=name","class"\n"'=1+1","'@a"\n,"b"\n"-5","b"\n""")


def test_types_are_kept_in_parquet_and_json(tmp_path: Path) -> None:
    for ending in (".parquet", ".json"):
        with predictions_to(tmp_path / f"out{ending}") as write:
            write(COLUMNS)
    assert [str(each.type) for each in parquet.read_schema(tmp_path / "out.parquet")] == [
        "string",
        "int64",
        "bool",
        "timestamp[us]",
        "string",
        "float",
    ]
    first, second, _ = json.loads((tmp_path / "out.json").read_text())
    assert first == {
        "name": "=1+1",
        "count": 1,
        "paid": True,
        "day": "2020-01-02T00:00:00",
        "class": "@a",
        "probability": 0.5,
    }
    assert second["day"] is second["count"] is second["name"] is None


def test_an_error_in_the_block_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), predictions_to(tmp_path / "out.csv") as write:
        write(COLUMNS)
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_without_rows_a_file_is_whole(tmp_path: Path) -> None:
    with predictions_to(tmp_path / "out.json"):
        pass
    assert json.loads((tmp_path / "out.json").read_text()) == []


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a file that ends in .csv, .parquet, .jsonl, .json, got 'out.xls'"):
        predictions_to(tmp_path / "out.xls").__enter__()
