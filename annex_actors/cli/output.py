"""What commands print: results on standard output, complaints on standard error, tables for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def say(text: str) -> None:
    """Print a result."""
    print(text)  # noqa: T201 - this is a face


def report(text: str) -> None:
    """Print what is no result on standard error."""
    print(text, file=sys.stderr)  # noqa: T201 - this is a face


def complain(text: str, *, code: int) -> int:
    """Print an error as one line on standard error, and return the exit code."""
    report("error: " + " ".join(text.split()))
    return code


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: drawn on a terminal, else as lines of columns apart by two spaces or more."""
    cells = [[str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(headers, cells)
        return
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    for row in [list(headers), *cells]:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
