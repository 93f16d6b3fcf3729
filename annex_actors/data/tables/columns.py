"""A table in memory: named columns of one kind each, as arrays in which a missing cell has a mark of its own.

Readers make tables, whatever the file; transforms make numbers of them. Neither knows the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import DataError
from annex_actors.base.texts import listed
from annex_actors.base.types import Array
from annex_actors.base.words import counted


class Kind(StrEnum):
    """What the cells of a column are, and what its array holds."""

    NUMBER = "number"
    """Numbers: float64, NaN where one is missing."""

    INTEGER = "integer"
    """Whole numbers: float64 as well, since a cell may be missing; exact up to 2**53."""

    BOOLEAN = "boolean"
    """Truth values: float64, 1 for true, 0 for false, NaN where one is missing."""

    DATE = "date"
    """Moments: datetime64[us], NaT where one is missing."""

    TEXT = "text"
    """Words or sentences: objects, each a ``str``, None where one is missing."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table.

    Args:
        name: its name in the header; its index as text where there is no header.
        kind: what its cells are.
        values: shape ``(rows,)``, read-only, of the type that ``kind`` says.
    """

    name: str
    kind: Kind
    values: Array

    def __post_init__(self) -> None:
        self.values.flags.writeable = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each cell is missing."""
        if self.kind is Kind.TEXT:
            return np.array([value is None for value in self.values], np.bool_)
        missing: NDArray[np.bool_] = (np.isnat if self.kind is Kind.DATE else np.isnan)(self.values)
        return missing

    def rows(self, rows: NDArray[np.int64]) -> Column:
        """Return a column of these rows."""
        return Column(self.name, self.kind, self.values[rows])


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length, each with a name of its own.

    Args:
        columns: in the order of the file.
        source: one line: where the table came from.

    Raises:
        DataError: columns of different lengths, or two of one name.
    """

    columns: tuple[Column, ...]
    source: str

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self.columns}
        if len(lengths) > 1:
            raise DataError(f"expected columns of one length, got {listed([str(each) for each in sorted(lengths)])}")
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DataError(f"expected {counted(len(self.names), 'column')} of different names, got {twice} twice")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        return self.columns[self.names.index(name)]

    def select(self, names: Sequence[str]) -> Table:
        """Return a table of these columns, in this order."""
        return Table(tuple(self[name] for name in names), self.source)

    def rows(self, rows: NDArray[np.int64]) -> Table:
        """Return a table of these rows."""
        return Table(tuple(column.rows(rows) for column in self.columns), self.source)
