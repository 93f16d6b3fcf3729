"""Text that fits a terminal: how wide it is, and lines, sentences and tables of that width.

Widths are those of a terminal's columns: a Chinese character has two. All functions but `width_of` are pure.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import zip_longest
from typing import TextIO

from rich.cells import cell_len, chop_cells, set_cell_size

USUAL = 80
"""The width of a terminal that does not say how wide it is, and of what is no terminal."""

CUT = "…"
"""The mark where a line was cut."""

_GAP = 2
_LEAST = 16
"""A last column of text is not made narrower than this, if other columns can go elsewhere."""


def width_of(stream: TextIO) -> int:
    """Return how wide the lines of a stream may be: as ``COLUMNS`` says, as its terminal is, or `USUAL`."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL
    except (OSError, ValueError):  # no terminal, or no file at all
        return USUAL


def cut(line: str, width: int) -> str:
    """Return a line that is at most ``width`` wide, with `CUT` at its end where something is missing."""
    return line if cell_len(line) <= width else set_cell_size(line, width - 1).rstrip() + CUT


def joined(parts: Sequence[str], width: int, *, spare: Sequence[str] = (), gap: str = "  ") -> str:
    """Return the parts as one line; if it is too wide, without the ``spare`` ones, in their order, as far as needed."""
    left, droppable = list(parts), [part for part in spare if part in parts]
    while droppable and cell_len(gap.join(left)) > width:
        left.remove(droppable.pop(0))
    return cut(gap.join(left), width)


def wrapped(text: str, width: int) -> str:
    """Return text with line breaks at spaces so that it fits; a longer word stays whole: a path can be copied.

    What continues an indented line is indented alike.
    """
    return "\n".join(line for paragraph in text.split("\n") for line in _indented(paragraph, width))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> list[str]:
    """Return a table as lines, the headers first if there are any: long text is folded within its column.

    If the columns do not fit beside each other, those that are left come below, again after the first column.
    """
    cells = [[str(cell) for cell in row] for row in (*filter(None, [headers]), *rows)]
    natural = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines: list[str] = []
    for block in _blocks(natural, width):
        widths = _narrowed([natural[index] for index in block], width)
        lines += [""] if lines else []
        for row in cells:
            lines += _row([row[index] for index in block], widths)
    return lines


def _indented(paragraph: str, width: int) -> list[str]:
    text = paragraph.lstrip(" ")
    margin = paragraph[: len(paragraph) - len(text)]
    return [margin + line for line in _wrapped(text, max(1, width - len(margin)))] if text else [""]


def _wrapped(paragraph: str, width: int) -> list[str]:
    lines, line = list[str](), ""
    for index, word in enumerate(paragraph.split(" ")):
        longer = f"{line} {word}" if index else word
        if line.strip() and cell_len(longer) > width:
            lines.append(line.rstrip())
            line = word
        else:
            line = longer
    return [*lines, line.rstrip()]


def _folded(text: str, width: int) -> list[str]:
    return [part for line in _wrapped(text, width) for part in (chop_cells(line, width) if line else [""])]


def _blocks(natural: Sequence[int], width: int) -> list[list[int]]:
    """Return the indices of the columns that stand beside each other."""
    blocks = [[0]]
    for index in range(1, len(natural)):
        last = index == len(natural) - 1
        taken = sum(natural[each] + _GAP for each in blocks[-1])
        if len(blocks[-1]) > 1 and taken + (min(natural[index], _LEAST) if last else natural[index]) > width:
            blocks.append([0])
        blocks[-1].append(index)
    return blocks


def _narrowed(natural: Sequence[int], width: int) -> list[int]:
    """Return the widths of columns that fit; the widest ones are made narrower."""
    widths = list(natural)
    while sum(widths) + _GAP * (len(widths) - 1) > width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return [
        (" " * _GAP).join(set_cell_size(part, width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip_longest(*folded, fillvalue="")
    ]
