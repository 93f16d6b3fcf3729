"""What is in a table, by column: what a person looks at before training on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.checks import did_you_mean
from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.data.tables.columns import Column, Kind, Table
from annex_actors.data.tables.kinds import are_sentences
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
    codes = {column.name: _codes(column) for column in table}
    return TableSummary(
        table.source,
        len(table),
        len(table) - _distinct_rows(list(codes.values())),
        label,
        _classes(table[label], codes[label]),
        tuple(
            _column(table, column, codes[column.name], None if column.name == label else codes[label])
            for column in table
        ),
    )


@dataclass(frozen=True)
class _Codes:
    """A number for each cell, from 0, equal for equal cells, in the order in which they are first there.

    All missing cells have one number, the last. ``values`` are the cells that are not missing, each once.
    """

    numbers: NDArray[np.int64]
    count: int
    values: list[Any]

    @property
    def missing(self) -> int:
        """How many cells are missing."""
        return int((self.numbers == len(self.values)).sum())

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each value is there."""
        return np.bincount(self.numbers, minlength=self.count)[: len(self.values)]


def _codes(column: Column) -> _Codes:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = column.values + 0.0 if column.values.dtype == np.float64 else column.values  # -0.0 equals 0.0
    coded = pa.array(values, pa.string() if column.kind is Kind.TEXT else None, from_pandas=True).dictionary_encode()
    count = len(coded.dictionary)
    numbers = pc.fill_null(coded.indices.cast(pa.int64()), count).to_numpy()
    return _Codes(numbers, count + (coded.null_count > 0), coded.dictionary.to_numpy(zero_copy_only=False).tolist())


def _paired(left: NDArray[np.int64], right: _Codes) -> tuple[NDArray[np.int64], int]:
    """Return a number for each row, from 0, equal where both numbers are, and how many there are."""
    import pyarrow as pa

    coded = pa.array(left * right.count + right.numbers).dictionary_encode()
    return coded.indices.cast(pa.int64()).to_numpy(), len(coded.dictionary)


def _distinct_rows(codes: Sequence[_Codes]) -> int:
    """Return how many different rows there are; columns of many values come first, since few of them tell all rows."""
    rows = np.zeros(len(codes[0].numbers), np.int64)
    count = min(1, len(rows))
    for each in sorted(codes, key=lambda column: -column.count):
        if count < len(rows) and each.count > 1:
            rows, count = _paired(rows, each)
    return count


def _column(table: Table, column: Column, codes: _Codes, target: _Codes | None) -> ColumnSummary:
    suspicion = _odd(table, column) or _suspicion(column.kind, codes, target)
    return ColumnSummary(
        column.name, str(column.kind), codes.missing, len(codes.values), _values(column, codes), suspicion
    )


def _odd(table: Table, column: Column) -> str:
    row = odd_cell(column)
    return "" if row is None else f"not a number: {shown(column.values[row])} in {table.row_place(row)}"


def _suspicion(kind: Kind, codes: _Codes, target: _Codes | None) -> str:
    if len(codes.values) < 2:
        return "constant"
    if target is None or len(codes.numbers) <= _FEW:
        return ""
    if codes.count == target.count == _paired(codes.numbers, target)[1]:
        return "copy of the label"
    is_identifier = kind in (Kind.TEXT, Kind.INTEGER) and len(codes.values) == len(codes.numbers)
    if kind is Kind.TEXT and is_identifier and are_sentences(codes.values):
        return ""
    return "identifier" if is_identifier else ""


def _values(column: Column, codes: _Codes) -> str:
    if not codes.values:
        return ""
    if column.kind in (Kind.TEXT, Kind.BOOLEAN):
        most = int(codes.counts.argmax())
        return f"{shortened(_name(column.kind, codes.values[most]), 30)} ({codes.counts[most]:,})"
    known = column.values[~column.missing]
    ends = [_end(column.kind, each) for each in (known.min(), known.max())]
    return " to ".join(dict.fromkeys(ends))


def _end(kind: Kind, value: Any) -> str:
    return str(value.astype("M8[s]")).removesuffix("T00:00:00") if kind is Kind.DATE else f"{value:g}"


def _classes(label: Column, codes: _Codes) -> dict[str, int] | None:
    """Return how many rows each class has; of those with as many, the one that is first in the table is first."""
    if label.kind in (Kind.NUMBER, Kind.DATE):
        return None
    order = np.argsort(-codes.counts, kind="stable")
    return {_name(label.kind, codes.values[index]): int(codes.counts[index]) for index in order}


def _name(kind: Kind, value: Any) -> str:
    if kind is Kind.TEXT:
        return str(value)
    return ("false", "true")[int(value)] if kind is Kind.BOOLEAN else f"{value:.0f}"
