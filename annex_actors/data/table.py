"""The user's own table: a ``.csv`` file with one sample per line and the target in one column."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import TextIOWrapper
from pathlib import Path

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import open_file, reading
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.dataset import Dataset
from annex_actors.data.labels import check_classes

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class _Table:
    header: tuple[str, ...] | None
    rows: list[list[str]]
    lines: list[int]  # line number of each row in the file, from 1, as an editor shows it

    @property
    def columns(self) -> int:
        return len(self.rows[0])

    def place(self, row: int, column: int) -> str:
        """Return where a cell is, as the user would look for it."""
        name = f" ({shortened(self.header[column])})" if self.header else ""
        return f"line {self.lines[row]}, column {column}{name}"


def read_csv(path: str | Path, *, label: str | int | None = None, test_fraction: float = 0.2, seed: int = 0) -> Dataset:
    """Return the data set in a ``.csv`` file: comma-separated, UTF-8, one sample per line.

    The first line is a header if none of its cells is a number. Every column but the label's is a feature and must
    hold numbers. Labels that are integers or text are classes, sorted; numbers with decimals are for regression.

    Args:
        path: the file.
        label: the target's column: a name in the header, or an index from 0 (negative from the end); the last by
            default.
        test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
        seed: of the split, >= 0.

    Raises:
        DataError: a file that cannot be read, an unknown column, lines of different lengths, an empty cell, a feature
            that is not a finite number, or labels both of numbers and text; the message names file, line, column and
            cell.
        ConfigError: ``test_fraction`` or ``seed`` out of range.
    """
    path = checks.path("path", path)
    with reading(path):
        table = _table(path)
        target = _column(table, label)
        features = [column for column in range(table.columns) if column != target]
        dataset = Dataset.from_arrays(
            _numbers(table, features),
            _targets(table, target),
            test_fraction=test_fraction,
            seed=seed,
            name=path.stem,
            feature_names=[table.header[column] for column in features] if table.header else None,
            source=f"{path}, target in column {table.header[target] if table.header else target}, split seed {seed}",
        )
        check_classes(dataset.classes)
        return dataset


def _table(path: Path) -> _Table:
    rows, lines = _cells(path)
    header = None
    if rows and not any(_is(float, cell) for cell in rows[0]):
        header, rows, lines = tuple(rows[0]), rows[1:], lines[1:]
    if not rows:
        raise DataError("expected at least 1 line of data, got none; write one sample a line")
    width = len(header or rows[0])
    if width < 2:
        raise DataError("expected at least 2 columns (a feature and the label), got 1; put commas between the cells")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            raise DataError(
                f"expected {counted(width, 'cell')} a line, got {len(row)} in line {line}; add or remove cells"
            )
    return _Table(header, rows, lines)


def _cells(path: Path) -> tuple[list[list[str]], list[int]]:
    """Return the cells of every line that is not blank, and the line's number."""
    rows, lines = [], []
    try:
        with TextIOWrapper(open_file(path), newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                if cells:
                    rows.append([cell.strip() for cell in cells])
                    lines.append(reader.line_num)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"expected a comma-separated file in UTF-8, got: {message_of(error)}; save it as such"
        ) from error
    return rows, lines


def _column(table: _Table, label: str | int | None) -> int:
    names = table.header or ()
    if isinstance(label, str) and label in names:
        return names.index(label)
    index = -1 if label is None else int(label) if _is(int, str(label)) else None
    if index is not None and -table.columns <= index < table.columns:
        return index % table.columns
    known = listed(names) if names else f"no header, so an index from {-table.columns} to {table.columns - 1}"
    close = get_close_matches(str(label), names, n=1)
    hint = f"did you mean {shown(close[0])}?" if close else "give a name or an index"
    raise DataError(f"expected the label column to be one of {known}, got {shown(label)}; {hint}")


def _numbers(table: _Table, features: Sequence[int]) -> Floats:
    return np.array([[_number(table, row, column) for column in features] for row in range(len(table.rows))])


def _number(table: _Table, row: int, column: int) -> float:
    cell = table.rows[row][column]
    value = float(cell) if _is(float, cell) else float("nan")
    if abs(value) <= _LARGEST:  # False for NaN too
        return value
    raise DataError(
        f"expected a finite number, got {shown(cell)} in {table.place(row, column)}; "
        "encode the column in numbers, or remove the line or the column"
    )


def _targets(table: _Table, column: int) -> Array:
    cells = [row[column] for row in table.rows]
    numeric = [_is(float, cell) for cell in cells]
    if "" in cells:
        raise DataError(f"expected a label, got an empty cell in {table.place(cells.index(''), column)}; fill it in")
    if not any(numeric):
        return np.array(cells)
    if not all(numeric):
        odd = numeric.index(2 * sum(numeric) < len(numeric))
        raise DataError(
            f"expected labels that are all numbers or all text, got {shown(cells[odd])} in {table.place(odd, column)}; "
            "correct it, or give a header none of whose names is a number"
        )
    if all(_is(int, cell) for cell in cells):
        return np.array([int(cell) for cell in cells])
    return np.array([_number(table, row, column) for row in range(len(cells))])


def _is(kind: Callable[[str], object], cell: str) -> bool:
    try:
        kind(cell)
    except ValueError:
        return False
    return True
