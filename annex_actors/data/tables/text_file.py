"""Tables written as text: CSV with any separator, a header or none, as editors and spreadsheets leave it.

All cells are read as text first, by pyarrow: a user's own table is a main use, and pyarrow reads millions of cells in a
second, where Python's csv module takes several. That module is asked only where something is wrong, to say in which
line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO, StringIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.texts import shortened
from annex_actors.base.words import counted
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.content import text_content
from annex_actors.data.tables.guards import check_fits
from annex_actors.data.tables.kinds import column_of, is_value, number_of
from annex_actors.data.tables.names import different, source_of

_SEPARATORS = ("\t", ";", "|", ",")  # a comma last: it may stand within the numbers of files with another
_SAMPLE = 2**16
_LOOK = 20
_UNNAMED = ("", "Unnamed: 0")


@dataclass(frozen=True)
class TextFile:
    """The cells of a table written as text, and where each is in the file.

    Args:
        path: the file.
        content: its bytes, unpacked, without a byte order mark.
        separator: what stands between cells.
        header: the cells of the first line, if they are names.
        names: of every column, each different.
        cells: an array of strings for each column, without spaces around them.
        forms: of columns whose form is known, by name.
    """

    path: Path
    content: bytes
    separator: str
    header: tuple[str, ...] | None
    names: tuple[str, ...]
    cells: tuple[Any, ...]
    forms: Mapping[str, Form] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.cells[0])

    @property
    def decimal_comma(self) -> bool:
        """Whether ``1,5`` is a number."""
        return self.separator != ","

    @cached_property
    def counter(self) -> int | None:
        """The index of a first column without a name that only counts the rows, as data frames write it."""
        if self.header is None or self.header[0] not in _UNNAMED or len(self.cells) == 1:
            return None
        numbers = column_of("", self.cells[0]).values
        is_counter = numbers.dtype == np.float64 and (np.diff(numbers) == 1).all() and numbers[0] in (0, 1)
        return 0 if is_counter else None

    @cached_property
    def table(self) -> Table:
        """The columns, each of its kind; without one that only counts the rows."""
        columns = [
            column_of(name, cells, decimal_comma=self.decimal_comma, form=self.forms.get(name))
            for index, (name, cells) in enumerate(zip(self.names, self.cells, strict=True))
            if index != self.counter
        ]
        return Table(tuple(columns), self.source, self.line)

    @property
    def source(self) -> str:
        """One line: the file, and which columns have another name than there."""
        return source_of(str(self.path), self.header or (), self.names)

    def line(self, row: int) -> str:
        """Return where a row begins in the file, such as ``line 7``."""
        wanted = row + (self.header is not None)
        try:
            line, _ = next(islice(_records(self.content, self.separator, strict=False), wanted, None))
        except (csv.Error, StopIteration):  # cells that are too long for that module
            return f"row {row}"
        return f"line {line}"


def read_text(
    path: Path,
    *,
    header: bool | None = None,
    label: str | int | None = None,
    separator: str | None = None,
    forms: Mapping[str, Form] | None = None,
) -> TextFile:
    """Return the cells of a table written as text; packed by gzip if its name ends in ``.gz``.

    Args:
        path: the file.
        header: whether the first line holds names; None: where no cell of it is a number or a date, or its label
            occurs nowhere else.
        label: the label's column, by name or index, which tells a header from a row; the last by default.
        separator: what stands between cells; None: what divides all lines alike.
        forms: of columns whose form is known, by name.

    Raises:
        OSError: the file cannot be read.
        DataError: not UTF-8, lines of different lengths, or no line of data.
    """
    content = text_content(path)
    separator = separator or _separator(content)
    columns = _columns(content, separator, _width(content, separator))
    first = [column[0].as_py() for column in columns]
    has_header = _has_header(first, columns, label, separator != ",") if header is None else header
    rows = [column.slice(1) if has_header else column for column in columns]
    rows = _without_empty_end(rows)
    if not len(rows[0]):
        raise DataError("expected at least 1 line of data, got none; write one sample a line")
    names = tuple(first) if has_header else None
    own = different(names or [""] * len(rows))
    return TextFile(path, content, separator, names, own, tuple(rows), forms or {})


def _separator(content: bytes) -> str:
    """Return what divides the first lines into as many cells each; else what the first line has."""
    widths = {each: [len(cells) for _, cells in _sample(content, each)] for each in _SEPARATORS}
    for separator, found in widths.items():
        if found and found[0] > 1 and len(set(found)) == 1:
            return separator
    begun = [separator for separator, found in widths.items() if found and found[0] > 1]
    return "," if "," in begun or not begun else begun[0]


def _sample(content: bytes, separator: str) -> list[tuple[int, list[str]]]:
    """Return the first records; the last of a long file may be cut, so it is left out."""
    text = content[:_SAMPLE].decode(errors="replace")
    found = []
    try:
        for line, cells in _lines(csv.reader(StringIO(text, newline=""), delimiter=separator)):
            found.append((line, cells))
    except csv.Error:
        pass  # said where the whole is read
    return found[:-1] if len(content) > _SAMPLE and len(found) > 1 else found


def _records(content: bytes, separator: str, *, strict: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line of each record that is not blank, from 1, and its cells."""
    errors = "strict" if strict else "replace"
    file = TextIOWrapper(BytesIO(content), newline="", encoding="utf-8", errors=errors)
    return _lines(csv.reader(file, delimiter=separator, strict=strict))


def _width(content: bytes, separator: str) -> int:
    """Return how many cells the first record has."""
    try:
        _, cells = next(_records(content, separator, strict=False))
    except StopIteration:
        raise DataError("expected at least 1 line of data, got none; write one sample a line") from None
    except csv.Error:  # a longer cell than that module reads
        return content.partition(b"\n")[0].count(separator.encode()) + 1
    return len(cells)


def _lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    before = 0
    for cells in reader:
        if cells:
            yield before + 1, cells
        before = reader.line_num


def _columns(content: bytes, separator: str, width: int) -> list[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as arrow_csv

    check_fits(1, width)
    if content.count(b'"') % 2:  # pyarrow takes a quotation without an end
        _diagnose(content, separator)
    names = [str(index) for index in range(width)]
    try:
        found = arrow_csv.read_csv(
            BytesIO(content),
            arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=min(len(content) + 1, 2**30)),
            arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        _diagnose(content, separator)
        raise DataError(f"expected a table, got: {shortened(message_of(error), 200)}; save it again") from error
    columns = [column.combine_chunks() for column in found.columns]
    has_spaces = any(space in content for space in (b" ", b"\t")) or not content.isascii()
    return [pc.utf8_trim_whitespace(column) for column in columns] if has_spaces else columns


def _diagnose(content: bytes, separator: str) -> None:
    """Raise DataError for the first line that is wrong, if Python's own reader finds one."""
    width = None
    try:
        for line, cells in _records(content, separator):
            width = width or len(cells)
            if len(cells) != width:
                raise DataError(
                    f"expected {counted(width, 'cell')} a line, got {len(cells)} in line {line}; add or remove cells"
                )
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"expected a comma-separated file in UTF-8, got: {message_of(error)}; save it as such"
        ) from error


def _has_header(first: Sequence[str], columns: Sequence[Any], label: str | int | None, comma: bool) -> bool:
    """Return whether the first line holds names: no values where there are values below, or a label of its own."""
    rest = [column.slice(1) for column in columns]
    index = _index(label, len(first))
    if index is None:  # a name that no header has is no reason to lose a row
        return label in first or not any(is_value(cell, decimal_comma=comma) for cell in first)
    if not len(rest[0]):
        return not any(is_value(cell, decimal_comma=comma) for cell in first)
    if any(is_value(cell, decimal_comma=comma) for cell in first):
        return _names_its_label(first[index], rest[index], comma)
    values = (cell for column in rest for cell in column.slice(0, _LOOK).to_pylist())
    return any(is_value(cell, decimal_comma=comma) for cell in values) or not _occurs(first[index], rest[index])


def _names_its_label(cell: str, rest: Any, comma: bool) -> bool:
    import pyarrow.compute as pc

    if not cell or is_value(cell, decimal_comma=comma) or _occurs(cell, rest):
        return False
    classes = pc.unique(rest)
    return 2 * len(classes) <= len(rest) or all(
        number_of(each, decimal_comma=comma) is not None for each in rest.to_pylist()
    )


def _occurs(cell: str, column: Any) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.equal(column, cell)).as_py())


def _index(label: str | int | None, width: int) -> int | None:
    try:
        index = -1 if label is None else int(label)
    except ValueError:
        return None
    return index % width if -width <= index < width else None


def _without_empty_end(rows: Sequence[Any]) -> list[Any]:
    """Return the columns without rows of empty cells at the end, as spreadsheets write them."""
    length = len(rows[0])
    while length and not any(column[length - 1].as_py() for column in rows):
        length -= 1
    return [column.slice(0, length) for column in rows]
