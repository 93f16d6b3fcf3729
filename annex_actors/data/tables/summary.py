"""What is in a table, by column: what a person looks at before training on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.checks import did_you_mean
from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.data.tables.columns import Column, Kind, Table
from annex_actors.data.tables.odd_cells import odd_cell

_FEW = 20
"""So few rows may differ in each column, or agree in two, by chance."""


@dataclass(frozen=True)
class ColumnSummary:
    """What is in a column.

    Args:
        name: of the column.
        kind: what its cells are.
        missing: how many of them are.
        distinct: how many different values there are.
        values: their range, or the most frequent one and how often it is there.
        suspicion: why it may teach nothing, or too much: ``constant``, ``identifier`` or ``copy of the label``; or the
            first cell that is no number, where almost all are, and where it is.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    values: str
    suspicion: str


@dataclass(frozen=True)
class TableSummary:
    """What is in a table.

    Args:
        source: where it came from.
        rows: how many there are.
        duplicated: how many of them were there before.
        label: the column to predict.
        classes: how many rows each class has, the most frequent first; None where the label is amounts or dates.
        columns: in the order of the file.
    """

    source: str
    rows: int
    duplicated: int
    label: str
    classes: dict[str, int] | None
    columns: tuple[ColumnSummary, ...]


def summary_of(table: Table, *, label: str | None = None) -> TableSummary:
    """Return what is in a table.

    Args:
        table: at least one column.
        label: the name of the column to predict; None: the last.

    Raises:
        DataError: there is no such column.
    """
    label = table.names[-1] if label is None else label
    if label not in table.names:
        hint = did_you_mean(label, table.names)
        raise DataError(f"expected the label column to be one of {listed(table.names)}, got {shown(label)}{hint}")
    codes = [_codes(column) for column in table]
    target = codes[table.names.index(label)]
    return TableSummary(
        table.source,
        len(table),
        len(table) - len({row.tobytes() for row in np.stack(codes, axis=1)}),
        label,
        _classes(table[label]),
        tuple(
            _column(table, column, each, None if column.name == label else target)
            for column, each in zip(table, codes, strict=True)
        ),
    )


def _column(table: Table, column: Column, codes: NDArray[np.int64], target: NDArray[np.int64] | None) -> ColumnSummary:
    missing = int(column.missing.sum())
    distinct = len(np.unique(codes)) - (missing > 0)
    suspicion = _odd(table, column) or _suspicion(column.kind, codes, distinct, target)
    return ColumnSummary(column.name, str(column.kind), missing, distinct, _values(column), suspicion)


def _codes(column: Column) -> NDArray[np.int64]:
    """Return a number for each cell, equal for equal cells; all missing cells are equal."""
    missing = column.missing
    known = column.values[~missing]
    codes = np.full(len(column), -1)
    codes[~missing] = np.unique(known.astype(str) if column.kind is Kind.TEXT else known, return_inverse=True)[1]
    return codes


def _odd(table: Table, column: Column) -> str:
    row = odd_cell(column)
    return "" if row is None else f"not a number: {shown(column.values[row])} in {table.row_place(row)}"


def _suspicion(kind: Kind, codes: NDArray[np.int64], distinct: int, target: NDArray[np.int64] | None) -> str:
    if distinct < 2:
        return "constant"
    if target is None or len(codes) <= _FEW:
        return ""
    pairs = len(np.unique(np.stack([codes, target]), axis=1)[0])
    if pairs == len(np.unique(codes)) == len(np.unique(target)):
        return "copy of the label"
    is_identifier = kind in (Kind.TEXT, Kind.INTEGER) and distinct == len(codes)
    return "identifier" if is_identifier else ""


def _values(column: Column) -> str:
    known = column.values[~column.missing]
    if not len(known):
        return ""
    if column.kind in (Kind.TEXT, Kind.BOOLEAN):
        (value, count), *_ = _counts(column)
        return f"{shortened(value, 30)} ({count:,})"
    if column.kind is Kind.DATE:
        return " to ".join(str(each.astype("M8[s]")).removesuffix("T00:00:00") for each in (known.min(), known.max()))
    return f"{known.min():g} to {known.max():g}"


def _classes(label: Column) -> dict[str, int] | None:
    return None if label.kind in (Kind.NUMBER, Kind.DATE) else dict(_counts(label))


def _counts(column: Column) -> list[tuple[str, int]]:
    known = column.values[~column.missing].tolist()
    words = {1.0: "true", 0.0: "false"}
    names = known if column.kind is Kind.TEXT else [f"{each:.0f}" for each in known]
    if column.kind is Kind.BOOLEAN:
        names = [words[each] for each in known]
    return Counter(names).most_common()
