"""What commands print: results on standard output, notes and errors on standard error, tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from annex_actors.base.texts import cut, printable

_LONGEST = 2000
"""Characters of a line that says what is wrong."""


def print_result(text: str) -> None:
    """Print a result on standard output."""
    print(printable(text))  # noqa: T201 - the command line prints


def print_note(text: str) -> None:
    """Print a note or an error on standard error."""
    print(printable(text), file=sys.stderr)  # noqa: T201 - the command line prints


def print_error(text: str, *, code: int) -> int:
    """Print an error as one line on standard error, and return the exit code."""
    print_note("error: " + cut(" ".join(text.split()), _LONGEST))
    return code


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: with borders on a terminal, else as lines with two or more spaces between columns."""
    headers = [_cell(header) for header in headers]
    cells = [[_cell(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(headers, cells)
        return
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    for row in [list(headers), *cells]:
        print_result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return printable(str(value)).replace("\n", "\\n")


def _draw(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table()
    for header in headers:
        last = header == headers[-1]
        drawn.add_column(header, no_wrap=not last, overflow="fold")
    for row in cells:
        drawn.add_row(*map(escape, row))
    Console().print(drawn)
