"""What commands print: results on standard output, notes and errors on standard error; nothing wider than the terminal.

A line that is no table, such as a note or an error, is wrapped on a terminal only. In a file or a pipe it stays whole,
so that a program finds it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Self, TextIO

from annex_actors.base import columns
from annex_actors.base.errors import ConfigError
from annex_actors.base.files import reason
from annex_actors.base.texts import printable, shortened

_LONGEST = 2000
"""Characters of a line that says what is wrong."""


def print_result(text: str) -> None:
    """Print a result on standard output."""
    _print(text, sys.stdout)


def print_note(text: str) -> None:
    """Print a note on standard error."""
    _print(text, sys.stderr)


def print_error(text: str, *, code: int) -> int:
    """Print an error as one line on standard error, and return the exit code."""
    print_note("error: " + shortened(" ".join(text.split()), _LONGEST))
    return code


def print_json(text: str) -> None:
    """Print JSON, which is for programs: on one line of any length."""
    _write(printable(text), sys.stdout)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines that fit already."""
    _write("\n".join(lines), sys.stdout)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; see `annex_actors.base.columns.table`."""
    shown = [[printable(str(cell)).replace("\n", "\\n") for cell in row] for row in (headers, *rows)]
    print_lines(columns.table(shown[0], shown[1:], columns.width_of(sys.stdout)))


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    print_table((), list(facts.items()))


class StatusLine:
    """A line on standard error that says what is running: on a terminal it is redrawn, and removed after the block.

    Elsewhere it is a line for each thing that begins to run, without how far it has come.
    """

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._is_live = self._stream.isatty()
        self._what = ""

    def show(self, what: str, so_far: str = "") -> None:
        """Show what is running, and how far it has come."""
        if self._is_live:
            line = columns.joined([what, *filter(None, [so_far])], columns.width_of(self._stream) - 1, gap=": ")
            self._write("\r\x1b[2K" + line)
        elif what != self._what:
            self._write(what + "\n")
        self._what = what

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        if self._is_live:
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _print(text: str, stream: TextIO) -> None:
    text = printable(text)
    _write(columns.wrapped(text, columns.width_of(stream)) if stream.isatty() else text, stream)


def _write(text: str, stream: TextIO) -> None:
    """Print text at once, so that a disk that is full is noticed here.

    Raises:
        BrokenPipeError: the reader has gone.
        ConfigError: the stream cannot be written.
    """
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard error" if stream is sys.stderr else "standard output"
        raise ConfigError(f"expected {name} to take what is printed, got {reason(error)}") from error
