"""The answer to a query against an SQLite file: ``sqlite:shop.db#SELECT age, risk FROM customers``.

The file may be anyone's: it is opened for reading alone, nothing but reading is authorised, and no file is made.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import memory, open_file
from annex_actors.base.texts import shortened
from annex_actors.base.words import counted
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.typed import typed_table

SCHEME = "sqlite:"
"""How the name of a query begins."""

_EXAMPLE = "sqlite:FILE.db#SELECT a, b FROM c"
_MAGIC = b"SQLite format 3\0"
_JOURNAL = 18
"""Which byte of a file says how it is written; 2 with a log beside it, for which even a reader makes files."""

_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_LONGEST = 2**24
"""Bytes of one cell."""

_ROWS = 1000
_CELL = 64
"""Bytes that a number takes in Python until columns are made."""


def parts_of(source: str) -> tuple[Path, str]:
    """Return the file and the query that a source names.

    Raises:
        DataError: one of them is missing.
    """
    file, _, query = source.removeprefix(SCHEME).partition("#")
    if not file or not query.strip():
        raise DataError(f"expected a file and a query, such as {_EXAMPLE!r}, got {shortened(source)!r}")
    return Path(file), query


def read_query(path: Path, query: str, forms: Mapping[str, Form]) -> Table:
    """Return the rows that a query selects. Text is text, or dates where all of it is.

    Args:
        path: the file.
        query: one SELECT.
        forms: how the cells of columns are written that were read before, by name.

    Raises:
        OSError: the file cannot be read.
        DataError: no SQLite file, a query that is no SELECT or fails, no rows or more than fit into memory, or a column
            of numbers and text, or of bytes.
    """
    import pyarrow as pa

    try:
        with closing(_opened(path)) as connection:
            names, columns = _selected(connection.execute(query))
    except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
        got = shortened(message_of(error), 200)
        raise DataError(f"expected a SELECT that this SQLite file can answer, got: {got}; correct the query") from error
    cells = [_typed(name, column) for name, column in zip(names, columns, strict=True)]
    source = f"{path}, {shortened(' '.join(query.split()), 200)}"
    return typed_table(pa.Table.from_arrays(cells, names), source, forms=forms)


def _opened(path: Path) -> sqlite3.Connection:
    with open_file(path) as file:
        header = file.read(_JOURNAL + 1)
    if not header.startswith(_MAGIC):
        raise DataError("expected an SQLite file, got something else; check the path")
    has_log = header[_JOURNAL:] == b"\2"
    is_still = has_log and not path.with_name(f"{path.name}-wal").exists()
    options = "mode=ro&immutable=1" if is_still else "mode=ro"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{options}", uri=True, isolation_level=None)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY)
    connection.set_progress_handler(lambda: 0, 10**6)  # so that Ctrl-C ends a query that takes long
    return connection


def _selected(cursor: sqlite3.Cursor) -> tuple[list[str], list[list[Any]]]:
    """Return the names of the columns, and their cells."""
    if cursor.description is None:
        raise DataError("expected a query that selects rows, got none; write SELECT")
    names = [column[0] for column in cursor.description]
    columns: list[list[Any]] = [[] for _ in names]
    size, limit = 0, memory() // 4
    for rows in _batches(cursor):
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(cells)
            size += _CELL * len(cells) + sum(len(cell) for cell in cells if isinstance(cell, str | bytes))
        if size > limit:
            raise DataError(f"expected at most {counted(limit, 'byte')} of rows, got more; add a LIMIT to the query")
    return names, columns


def _batches(cursor: sqlite3.Cursor) -> Iterator[Sequence[Any]]:
    while rows := cursor.fetchmany(_ROWS):
        yield rows


def _typed(name: str, cells: list[Any]) -> Any:
    import pyarrow as pa

    kinds = set(map(type, cells)) - {type(None)}
    if kinds == {int, float}:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    if len(kinds) > 1:
        words = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(
            f"expected numbers or text in column {shortened(name)}, got {words}; write CAST(... AS TEXT) in the query"
        )
    return pa.array(cells)
