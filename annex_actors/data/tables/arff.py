"""ARFF, the format of Weka: attributes with their types, then rows.

Source:
    Weka 3.8, ARFF (stable version), https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import shortened
from annex_actors.base.words import counted
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.content import text_content
from annex_actors.data.tables.guards import check_fits
from annex_actors.data.tables.typed import typed_table

_QUOTED = r"'((?:[^'\\]|\\.)*+)'|\"((?:[^\"\\]|\\.)*+)\""
_CELL = re.compile(rf"\s*+(?:{_QUOTED}|([^,'\"]*+))\s*+(?:,|$)")
_ATTRIBUTE = re.compile(rf"@attribute\s++(?:{_QUOTED}|([^\s'\"{{]++))\s*+(.*)", re.IGNORECASE)
_COMMENT = re.compile(r"((?:[^'\"%\\]|\\.|'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\")*+)%")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_DATE_PARTS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "yy": "%y"}
_DATE_WORDS = re.compile(r"'([^']*)'|([A-Za-z]+)|([^A-Za-z']+)")
_ISO = "yyyy-MM-dd'T'HH:mm:ss"
_BATCH = 2**14


@dataclass(frozen=True)
class _Attribute:
    """A column: its name, how its cells are made from text, and the text of its type."""

    name: str
    read: Callable[[Any], Any]
    kind: str


def read_arff(path: Path, forms: Mapping[str, Form]) -> Table:
    """Return the table in an ARFF file, packed by gzip or not, in UTF-8.

    Attributes are numeric, real, integer, string, date or nominal, which is text; ``?`` is missing.

    Raises:
        OSError: the file cannot be read.
        DataError: a line that is not as the format says, a cell that its attribute does not allow, sparse rows or
            relational attributes; the message names the line.
    """
    try:
        text = text_content(path).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"expected an ARFF file in UTF-8, got: {error.reason}; save it as UTF-8") from None
    lines = _lines(text)
    attributes = list(_attributes(lines))
    if not attributes:
        raise DataError("expected @attribute lines before @data, got none; name the columns")
    cells, places = _rows(lines, len(attributes))
    check_fits(len(places), len(attributes))
    import pyarrow as pa

    columns = [_column(attribute, column, places) for attribute, column in zip(attributes, cells, strict=True)]
    found = pa.Table.from_arrays(columns, [attribute.name for attribute in attributes])
    return typed_table(found, str(path), locate=lambda row: f"line {places[row]}")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each line that says something, from 1, and its text without a comment."""
    for at, line in enumerate(text.split("\n"), 1):
        if "%" in line and (comment := _COMMENT.match(line)):
            line = comment[1]
        if line := line.strip():
            yield at, line


def _attributes(lines: Iterator[tuple[int, str]]) -> Iterator[_Attribute]:
    for at, line in lines:
        word = line.split(None, 1)[0].lower()
        if word == "@data":
            return
        if word == "@attribute":
            yield _attribute(line, at)
        elif word != "@relation":
            raise DataError(f"expected @relation, @attribute or @data in line {at}, got {shown(line)}; correct it")
    raise DataError("expected a line @data, got none; write it before the rows")


def _attribute(line: str, at: int) -> _Attribute:
    found = _ATTRIBUTE.fullmatch(line)
    name = found and _text(*found.groups()[:3])
    kind = found[4].strip() if found else ""
    read = _reader(kind, at)
    if not name or read is None:
        raise DataError(
            f"expected @attribute, a name and numeric, real, integer, string, date or {{a, b}} in line {at}, "
            f"got {shown(line)}; correct it"
        )
    return _Attribute(name, read, kind)


def _reader(kind: str, at: int) -> Callable[[Any], Any] | None:
    """Return the function that makes typed cells of text; it raises pyarrow's error or returns None for a wrong one."""
    word = kind.split(None, 1)[0].lower() if kind else ""
    if kind.startswith("{") and kind.endswith("}"):
        words = _cells(kind[1:-1], at)
        return lambda cells: _among(cells, words)
    if word in ("numeric", "integer"):
        return _whole_or_float
    if word == "real":
        return _float
    if word == "string":
        return lambda cells: cells
    if word == "date":
        return _date_reader(kind[len(word) :].strip().strip("\"'") or _ISO, at)
    return None


def _whole_or_float(cells: Any) -> Any:
    import pyarrow as pa

    try:
        return cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return _float(cells)


def _float(cells: Any) -> Any:
    import pyarrow as pa

    return cells.cast(pa.float64())


def _among(cells: Any, words: list[str | None]) -> Any:
    import pyarrow as pa

    if not set(cells.unique().to_pylist()) <= {*words, None}:
        raise pa.ArrowInvalid("a word that is not declared")
    return cells


def _date_reader(pattern: str, at: int) -> Callable[[Any], Any]:
    """Return the function that reads dates of Java's pattern, such as ``dd.MM.yyyy``."""
    format_ = ""
    for literal, letters, other in _DATE_WORDS.findall(pattern):
        if letters and letters not in _DATE_PARTS:
            raise DataError(
                f"expected a date of {', '.join(_DATE_PARTS)} in line {at}, got {shown(pattern)}; declare a string"
            )
        format_ += _DATE_PARTS[letters] if letters else (literal or other).replace("%", "%%")

    def read(cells: Any) -> Any:
        import pyarrow.compute as pc

        return pc.strptime(cells, format=format_, unit="us")

    return read


def _rows(lines: Iterator[tuple[int, str]], width: int) -> tuple[list[Any], list[int]]:
    """Return the text of each column, and the line of each row."""
    import pyarrow as pa

    chunks: list[list[Any]] = [[] for _ in range(width)]
    places: list[int] = []
    while batch := list(islice(lines, _BATCH)):
        rows = [_row(line, at, width) for at, line in batch]
        places += [at for at, _ in batch]
        for chunk, cells in zip(chunks, zip(*rows, strict=True), strict=True):
            chunk.append(pa.array(cells, pa.string()))
    return [pa.chunked_array(chunk, pa.string()) for chunk in chunks], places


def _row(line: str, at: int, width: int) -> list[str | None]:
    if line.startswith("{"):
        raise DataError(f"expected every cell of a row, got a sparse row in line {at}; save it without SparseInstances")
    cells = _cells(line, at)
    if len(cells) != width:
        raise DataError(f"expected {counted(width, 'cell')} in line {at}, got {len(cells)}; add or remove cells")
    return cells


def _cells(line: str, at: int) -> list[str | None]:
    """Return the cells of a row, None for a missing one."""
    if "'" not in line and '"' not in line:
        return [None if cell == "?" else cell for cell in map(str.strip, line.split(","))]
    found, start, has_more = list[str | None](), 0, True
    while has_more:
        cell = _CELL.match(line, start)
        if cell is None:
            raise DataError(f"expected a quotation with an end in line {at}, got {shown(line[start:])}; correct it")
        found.append(_text(*cell.groups()))
        start, has_more = cell.end(), cell.group().endswith(",")
    return found


def _text(single: str | None, double: str | None, bare: str | None) -> str | None:
    """Return what a cell says; None for a question mark that is not in quotes."""
    if bare is not None:
        return None if bare.strip() == "?" else bare.strip()
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), single or double or "")


def _column(attribute: _Attribute, cells: Any, places: list[int]) -> Any:
    """Return the typed cells of a column."""
    import pyarrow as pa

    try:
        return attribute.read(cells)
    except pa.ArrowInvalid:
        row = next(row for row, cell in enumerate(cells) if not _fits(attribute, cell))
    got = f"{shown(cells[row].as_py())} in line {places[row]}, column {shortened(attribute.name)}"
    raise DataError(f"expected a cell of {shortened(attribute.kind)}, got {got}; correct it")


def _fits(attribute: _Attribute, cell: Any) -> bool:
    import pyarrow as pa

    try:
        attribute.read(pa.chunked_array([pa.array([cell.as_py()], pa.string())]))
    except pa.ArrowInvalid:
        return False
    return True
