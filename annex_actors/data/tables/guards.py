"""What a file may say before it is believed: damaged bytes and sizes that lie become errors of one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from annex_actors.base.errors import DataError, UserError, message_of
from annex_actors.base.files import memory
from annex_actors.base.texts import shortened
from annex_actors.base.words import counted

_CELL = 16
"""Bytes of a cell while a table is made: as it was read, and as it is kept."""

_COLUMN = 10_000
"""Bytes of a column without cells, most of them pyarrow's; beyond what there is, it ends the process."""

MOST_COLUMNS = 100_000
"""A wider table is refused: a small file would need gigabytes."""


@contextmanager
def damaged(what: str, hint: str = "save it again") -> Iterator[None]:
    """Turn what is raised inside over damaged bytes into a `DataError` of one line.

    Args:
        what: was expected.
        hint: what to do.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # pyarrow raises errors of every type where bytes are damaged
        raise DataError(f"expected {what}, got: {shortened(message_of(error), 200)}; {hint}") from error


def check_fits(rows: int, columns: int) -> None:
    """Raise DataError if there is nothing in a table, or more than fits into memory, however small its file is."""
    if not rows or not columns:
        raise DataError(f"expected rows and columns, got {counted(rows, 'row')} of {counted(columns, 'column')}")
    if columns > MOST_COLUMNS:
        raise DataError(f"expected at most {counted(MOST_COLUMNS, 'column')}, got {columns:,}; write rows as lines")
    if columns * (rows * _CELL + _COLUMN) > memory():
        raise DataError(
            f"expected a table that fits into {counted(memory(), 'byte')} of memory, "
            f"got {counted(rows, 'row')} of {counted(columns, 'column')}; write fewer"
        )
