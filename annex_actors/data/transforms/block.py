"""What passes from one transform to the next: columns of one kind, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.base.types import Array
from annex_actors.base.words import counted
from annex_actors.data.tables.columns import CellError, Column, Form, Kind
from annex_actors.data.tables.kinds import column_of, number_of

NUMBERS = (Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN)
"""The kinds whose cells are numbers."""

LARGEST = 1e150
"""The largest number that is taken: the squares of larger ones cannot be added."""


@dataclass(frozen=True, eq=False)
class Block:
    """Columns of one kind, side by side.

    Args:
        names: of the columns.
        kind: what the cells are; `Column` says how an array holds them.
        values: shape ``(rows, columns)``.
    """

    names: tuple[str, ...]
    kind: Kind
    values: Array

    @classmethod
    def of(cls, *columns: Column) -> Block:
        """Return a block of one column, or of several of one kind.

        Raises:
            DataError: columns of several kinds; the message names one of the rarer kind.
        """
        names = tuple(column.name for column in columns)
        kind = kind_of(names, [column.kind for column in columns])
        return cls(names, kind, np.stack([column.values for column in columns], axis=1))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each cell is missing, shape ``(rows, columns)``."""
        if self.kind is Kind.TEXT:
            cells = [cell is None for cell in self.values.ravel()]
            return np.array(cells, np.bool_).reshape(self.values.shape)
        missing: NDArray[np.bool_] = (np.isnat if self.kind is Kind.DATE else np.isnan)(self.values)
        return missing

    def rows(self, rows: NDArray[np.int64]) -> Block:
        """Return a block of these rows."""
        return Block(self.names, self.kind, self.values[rows])

    def numbers(self, wanted_by: str) -> NDArray[np.float64]:
        """Return the numbers, NaN where one is missing: float64, shape ``(rows, columns)``.

        Args:
            wanted_by: the transform's name, for the error.

        Raises:
            DataError: the columns hold no numbers, or one beyond `LARGEST`.
        """
        if self.kind not in NUMBERS:
            cure = "date_parts" if self.kind is Kind.DATE else "one_hot or hashing"
            raise DataError(
                f"expected numbers for {wanted_by} in column {self.named}, got a {self.kind}; write {cure} before it"
            )
        found: NDArray[np.float64] = np.asarray(self.values, np.float64)
        if (place := first_mark(np.abs(found) > LARGEST)) is not None:
            cell, name = found[place], self.names[place[1]]
            wanted = "a finite number" if np.isinf(cell) else f"a number of at most {LARGEST:g}"
            raise CellError(f"expected {wanted}", place[0], f"{cell:g}; correct the cell", column=name)
        return found

    def whole_numbers(self, wanted_by: str) -> NDArray[np.float64]:
        """Return the numbers, of which none may be missing; for arguments and errors see `numbers`."""
        numbers = self.numbers(wanted_by)
        if (place := first_mark(np.isnan(numbers))) is not None:
            expected, got = f"expected a number for {wanted_by}", "a missing cell; write impute before it"
            raise CellError(expected, place[0], got, column=self.names[place[1]])
        return numbers

    def single(self, wanted_by: str) -> Array:
        """Return the cells of the only column, shape ``(rows,)``.

        Raises:
            DataError: there are several columns; ``wanted_by`` names the transform.
        """
        if len(self.names) != 1:
            columns = counted(len(self.names), "column")
            raise DataError(
                f"expected one column for {wanted_by}, got {columns} of {self.named}; "
                "write it first, for one column of the table"
            )
        return np.asarray(self.values[:, 0])

    def words(self, wanted_by: str) -> list[str | None]:
        """Return the cells of the only column as text, None where one is missing.

        Whole numbers have no decimals, truth values are ``true`` and ``false``, moments as ISO 8601 writes them.

        Raises:
            DataError: there are several columns; ``wanted_by`` names the transform.
        """
        values = self.single(wanted_by)
        if self.kind is Kind.TEXT:
            texts: list[str | None] = values.tolist()
            return texts
        cells = values.tolist() if self.kind is not Kind.DATE else values.astype(str).tolist()
        known: dict[Kind, Callable[[Any], str]] = {Kind.DATE: str, Kind.BOOLEAN: _truth}
        written = known.get(self.kind, _number)
        return [None if gone else written(cell) for cell, gone in zip(cells, self.missing[:, 0].tolist(), strict=True)]

    @property
    def named(self) -> str:
        """The columns' names as an error shows them."""
        return shortened(self.names[0]) if len(self.names) == 1 else f"{shortened(self.names[0])} …"


def kind_of(names: Sequence[str], kinds: Sequence[Kind]) -> Kind:
    """Return the kind that columns have together: whole numbers and truth values are numbers beside others.

    Raises:
        DataError: there are several kinds; the message names the first column of the rarer ones.
    """
    if len({*kinds}) == 1:
        return kinds[0]
    shared = [Kind.NUMBER if kind in NUMBERS else kind for kind in kinds]
    (most, _), *others = Counter(shared).most_common()
    if others:
        odd = next(index for index, kind in enumerate(shared) if kind is not most)
        common, other = (f"a {shared[at]} in {shortened(names[at])}" for at in (shared.index(most), odd))
        raise DataError(
            f"expected columns of one kind in {listed(names)}, got {common} and {other}; leave the latter out"
        )
    return most


def first_mark(marks: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Return row and column of the first mark, by row; None if there is none."""
    if not marks.any():
        return None
    row, column = np.unravel_index(int(marks.argmax()), marks.shape)
    return int(row), int(column)


def numbers(names: Sequence[str], values: Array) -> Block:
    """Return a block of numbers of shape ``(rows, columns)``, with a name for each column."""
    return Block(tuple(names), Kind.NUMBER, np.asarray(values, np.float64))


def of_form(column: Column, form: Form) -> Column:
    """Return a column as one of the form that it had in training: a file of a few rows may look like another kind.

    A column whose cells are all missing is of every kind, numbers of one kind are numbers of another, everything can
    be read as text, and text is read as a file of cells would be: a data frame often holds dates as text.

    Raises:
        DataError: the cells are no such values; the message gives the first.
    """
    kind = form.kind
    if column.kind is kind:
        return column
    if column.missing.all():
        return Column(column.name, kind, _blank(kind, len(column)))
    if kind is Kind.TEXT:
        return Column(column.name, kind, np.array(Block.of(column).words("text"), object))
    if kind in NUMBERS and column.kind in NUMBERS:
        return Column(column.name, kind, column.values)
    if column.kind is Kind.TEXT and kind in (Kind.DATE, Kind.BOOLEAN):
        read = _read_again(column, form)
        if read.kind is kind:
            return read
    wanted = "truth value" if kind is Kind.BOOLEAN else "number" if kind in NUMBERS else kind
    expected = f"expected a {wanted}, as in training,"
    if kind not in NUMBERS:
        row = int(np.flatnonzero(~column.missing)[0])
        got = f"{shown(Block.of(column).words('text')[row])}; correct the cell"
        raise CellError(expected, row, got, column=column.name)
    return Column(column.name, kind, read_numbers(column, expected))


def _read_again(column: Column, form: Form) -> Column:
    """Return what a file of cells with this text would hold."""
    import pyarrow as pa

    return column_of(column.name, pa.array(column.values, pa.string()), form=form)


def read_numbers(column: Column, expected: str) -> NDArray[np.float64]:
    """Return the numbers that the cells of a column hold as text, NaN where one is missing.

    Raises:
        CellError: a cell holds none; ``expected`` says what was wanted.
    """
    words = Block.of(column).words("text")
    numbers = [np.nan if word is None else number_of(word) for word in words]
    if None in numbers:
        row = numbers.index(None)
        raise CellError(expected, row, f"{shown(words[row])}; correct the cell", column=column.name)
    return np.array(numbers, np.float64)


def _blank(kind: Kind, rows: int) -> Array:
    if kind is Kind.TEXT:
        return np.full(rows, None, object)
    return np.full(rows, "NaT", "datetime64[us]") if kind is Kind.DATE else np.full(rows, np.nan)


def _truth(cell: float) -> str:
    return "true" if cell else "false"


def _number(cell: float) -> str:
    return str(int(cell)) if float(cell).is_integer() else str(cell)
