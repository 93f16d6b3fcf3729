"""Tables for the tests of transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annex_actors.data.tables import Column, Kind, Table


def number(name: str, values: Any, kind: Kind = Kind.NUMBER) -> Column:
    return Column(name, kind, np.array(values, np.float64))


def text(name: str, cells: Sequence[str | None]) -> Column:
    return Column(name, Kind.TEXT, np.array(cells, object))


def date(name: str, cells: Sequence[str]) -> Column:
    return Column(name, Kind.DATE, np.array(cells, "datetime64[us]"))


def mixed(rows: int = 60, seed: int = 0) -> Table:
    """Return a table with a column of each kind, missing cells, a constant and an identifier; the label is last."""
    random = np.random.default_rng(seed)
    size = random.normal(50.0, 10.0, rows)
    sizes = np.where(random.random(rows) < 0.1, np.nan, size)
    paid = random.integers(0, 2, rows).astype(float)
    columns = (
        number("index", range(rows), Kind.INTEGER),
        number("size", sizes),
        number("income", np.exp(random.normal(8.0, 2.0, rows))),
        number("paid", paid, Kind.BOOLEAN),
        text("colour", [(None, "red", "green", "blue")[each] for each in random.integers(0, 4, rows)]),
        text("city", [f"city{each}" for each in random.integers(0, 40, rows)]),
        text("note", [f"row number {each} says {word}" for each, word in enumerate(random.integers(0, 9, rows))]),
        text("key", [f"k{each:04}" for each in range(rows)]),
        date("when", [f"2024-0{1 + each % 9}-1{each % 7}T0{each % 5}:30" for each in range(rows)]),
        number("same", [3.0] * rows),
        text("risk", ["high" if big != bool(p) else "low" for big, p in zip(size > 50, paid, strict=True)]),
    )
    return Table(columns, "made here")
