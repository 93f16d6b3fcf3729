"""Text with half of a surrogate pair, which UTF-8 cannot hold, is refused in one line wherever it comes in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors import Column, Dataset, Kind, read_table, table_of
from annex_actors.base.errors import UserError
from annex_actors.data.tables.records import table_of_records

HALF = "a\ud800"
CELLS = np.array(["b", None, HALF], object)


def named(pandas: Any) -> Any:
    """Return a frame of a column with the name `HALF`, which pandas takes as an object only."""
    return pandas.DataFrame(np.zeros((2, 1)), columns=pandas.Index([HALF], dtype=object))


CALLS: dict[str, Callable[[], object]] = {
    "cells": lambda: Column("x", Kind.TEXT, CELLS),
    "name": lambda: Column(HALF, Kind.NUMBER, np.zeros(3)),
    "cells of a frame": lambda: table_of(pytest.importorskip("pandas").DataFrame({"x": CELLS}, dtype=object)),
    "name of a frame": lambda: table_of(named(pytest.importorskip("pandas"))),
    "cells of a request": lambda: table_of_records([{"x": HALF}], {}),
    "name of a request": lambda: table_of_records([{HALF: 3}], {}),
    "classes": lambda: Dataset.from_arrays(np.zeros((4, 1)), [HALF, "b"] * 2),
    "feature names": lambda: Dataset.from_arrays(np.zeros((4, 1)), ["a", "b"] * 2, feature_names=[HALF]),
}


@pytest.mark.parametrize("what", CALLS)
def test_half_a_character_is_refused(what: str) -> None:
    with pytest.raises(UserError, match=r"(UTF-8|in row 0, column x, got 'a)") as caught:
        CALLS[what]()
    assert "\\ud800" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
@pytest.mark.parametrize("row", [{"x": HALF, "y": 1}, {HALF: "b", "y": 1}], ids=["cell", "name"])
def test_half_a_character_in_a_file_is_refused(tmp_path: Path, name: str, row: dict[str, object]) -> None:
    (tmp_path / name).write_text(json.dumps(row) if name == "x.jsonl" else json.dumps([row]))
    with pytest.raises(UserError, match="surrogate") as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_cells_of_text_are_text() -> None:
    with pytest.raises(UserError, match="expected text in row 1, column x, got 3; correct the cell"):
        Column("x", Kind.TEXT, np.array(["b", 3, None], object))
