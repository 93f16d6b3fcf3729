"""A table in memory: named columns of one kind each, as arrays in which a missing cell has a mark of its own.

Readers make tables, whatever the file; transforms make numbers of them. Neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.shown import brief, shown
from annex_actors.base.texts import is_unicode, listed, shortened
from annex_actors.base.types import Array
from annex_actors.base.words import counted
from annex_actors.data.arrays import as_array


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


_DTYPES = {Kind.TEXT: np.dtype(object), Kind.DATE: np.dtype("datetime64[us]")}


@dataclass(frozen=True)
class Form:
    """How the cells of a column are written in a text: a file of a few rows may look as if they were something else.

    Args:
        kind: what they are.
        words: of truth values the words for false and true; of dates their format, if it is not ISO 8601.
    """

    kind: Kind
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        words = checks.several("words", self.words, "a list of words")
        checks.keep(self, kind=checks.member("kind", self.kind, Kind))
        checks.keep(self, words=tuple(checks.text("words", word) for word in words))


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table.

    Args:
        name: its name in the header; its index as text where there is no header.
        kind: what its cells are.
        values: shape ``(rows,)``, read-only, of the type that ``kind`` says.
        words: see `Form`.

    Raises:
        ConfigError: an argument of another kind, or an array of another type or shape.
        DataError: text that UTF-8 cannot hold.
    """

    name: str
    kind: Kind
    values: Array
    words: tuple[str, ...] = ()

    __repr__ = brief

    def __post_init__(self) -> None:
        form = Form(self.kind, self.words)
        checks.keep(self, name=checks.text("name", self.name), kind=form.kind, words=form.words)
        wanted = _DTYPES.get(self.kind, np.dtype(np.float64))
        if not isinstance(self.values, np.ndarray) or self.values.dtype != wanted or self.values.ndim != 1:
            raise ConfigError(
                f"expected `values` to be an array of {wanted} of shape (rows,), got {shown(self.values)}; convert them"
            )
        self.values.flags.writeable = False
        if self.kind is Kind.TEXT:
            self._check_text()

    def _check_text(self) -> None:
        cells = self.values.tolist()
        known = [cell for cell in cells if cell is not None]
        try:
            if all(map(str.isascii, known)) or all(map(is_unicode, {*known})):  # most columns: no look at single cells
                return
        except TypeError:
            expected, odd = "text", [cell for cell in known if not isinstance(cell, str)]
        else:
            expected, odd = "text that UTF-8 can hold", [cell for cell in known if not is_unicode(cell)]
        row = next(row for row, cell in enumerate(cells) if cell is odd[0])
        place = f"row {row}, column {shortened(self.name)}"
        raise CellError(f"expected {expected}", row, f"{shown(odd[0])}; correct the cell", place)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def form(self) -> Form:
        """How its cells are written."""
        return Form(self.kind, self.words)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each cell is missing."""
        if self.kind is Kind.TEXT:
            return np.array([value is None for value in self.values], np.bool_)
        missing: NDArray[np.bool_] = (np.isnat if self.kind is Kind.DATE else np.isnan)(self.values)
        return missing

    def rows(self, rows: NDArray[np.int64]) -> Column:
        """Return a column of these rows.

        Raises:
            DataError: ``rows`` are no indices of rows.
        """
        return Column(self.name, self.kind, self.values[row_indices(rows, len(self))], self.words)


class CellError(DataError):
    """A cell that cannot be taken.

    Args:
        expected: what was expected.
        row: which row has another cell, from 0.
        got: what it is, and what to do.
        place: where it is, as a person would look for it.
        column: the name of its column, where several are taken together.
    """

    def __init__(self, expected: str, row: int, got: str, place: str = "", column: str = "") -> None:
        super().__init__(f"{expected} in {place or f'row {row}'}, got {got}")
        self._parts, self._column = (expected, row, got), column

    def at(self, table: Table, *names: str) -> CellError:
        """Return the same error with the place of the cell in a table, given the names of the columns it may be in."""
        expected, row, got = self._parts
        name = self._column if self._column in names else ", ".join(names)
        return CellError(expected, row, got, table.place(row, name))


@contextmanager
def located(table: Table, *names: str) -> Iterator[None]:
    """Say of a `CellError` in the block where the cell is, given the name of its column, or those of several."""
    try:
        yield
    except CellError as error:
        raise error.at(table, *names) from None


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length, each with a name of its own.

    Args:
        columns: in the order of the file.
        source: one line: where the table came from.
        locate: returns where a row is in its file, such as ``line 7``, for errors; None: rows are counted from 0.

    Raises:
        DataError: columns of different lengths, or two of one name.
        ConfigError: an argument of another kind.
    """

    columns: tuple[Column, ...]
    source: str
    locate: Callable[[int], str] | None = None

    def __repr__(self) -> str:
        return f"Table({counted(len(self), 'row')}, {counted(len(self.names), 'column')}, {shown(self.source)})"

    def __post_init__(self) -> None:
        columns = checks.elements("columns", self.columns, Column, "a column, such as Column(name, kind, values)")
        checks.keep(self, columns=columns, source=checks.text("source", self.source))
        if self.locate is not None:
            checks.function("locate", self.locate, 1)
        lengths = {len(column) for column in self.columns}
        if len(lengths) > 1:
            raise DataError(f"expected columns of one length, got {listed([str(each) for each in sorted(lengths)])}")
        if len(self._by_name) < len(self.columns):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DataError(f"expected {counted(len(self.names), 'column')} of different names, got {twice} twice")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def place(self, row: int, name: str) -> str:
        """Return where a cell is, as a person would look for it, such as ``line 7, column age``.

        Raises:
            ConfigError: there is no such row, or ``name`` is no text.
        """
        return f"{self.row_place(row)}, column {shortened(checks.text('name', name))}"

    def row_place(self, row: int) -> str:
        """Return where a row is, as a person would look for it, such as ``line 7``.

        Raises:
            ConfigError: there is no such row.
        """
        row = checks.whole_number("row", row, at_least=0, below=len(self))
        return f"row {row}" if self.locate is None else self.locate(row)

    def select(self, names: Sequence[str]) -> Table:
        """Return a table of these columns, in this order.

        Raises:
            DataError: an unknown column.
            ConfigError: something else than names.
        """
        for name in (names := checks.several("names", names, "names of columns")):
            if checks.text("names", name) not in self:
                raise DataError(f"expected columns among {listed(self.names)}, got {shown(name)}; correct the name")
        return Table(tuple(self[name] for name in names), self.source, self.locate)

    def rows(self, rows: NDArray[np.int64]) -> Table:
        """Return a table of these rows.

        Raises:
            DataError: ``rows`` are no indices of rows.
        """
        chosen, locate = row_indices(rows, len(self)), self.locate or "row {}".format
        columns = tuple(column.rows(chosen) for column in self.columns)
        return Table(columns, self.source, lambda row: locate(int(chosen[row])))


def row_indices(rows: ArrayLike, count: int) -> NDArray[np.int64]:
    """Return indices of rows as int64, shape ``(rows,)``.

    Args:
        rows: indices from 0, at least one, in any order.
        count: how many rows there are.

    Raises:
        DataError: no indices, or one out of range.
    """
    given = as_array(rows, "rows")
    if given.dtype.kind not in "iu" or given.ndim != 1 or not len(given):
        raise DataError(f"expected rows to be at least one index, in shape (rows,), got {shown(given)}")
    if given.min() < 0 or given.max() >= count:
        raise DataError(f"expected rows from 0 to {count - 1}, got {given.min()} to {given.max()}")
    return given.astype(np.int64)
