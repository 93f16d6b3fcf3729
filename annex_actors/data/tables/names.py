"""The names of columns: each has one of its own."""

from __future__ import annotations

from collections.abc import Sequence


def different(header: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each column: an index where there is none, and a number where another has it already."""
    taken, given = dict[str, None](), set(header)
    for index, name in enumerate(header):
        wanted, number = name or str(index), 1
        while wanted in taken or (number > 1 and wanted in given):
            number += 1
            wanted = f"{name or index}.{number}"
        taken[wanted] = None
    return tuple(taken)


def source_of(source: str, header: Sequence[str], names: Sequence[str]) -> str:
    """Return one line: where a table came from, and which of its columns have another name than there."""
    renamed = [name for name, own in zip(names, header, strict=False) if own and name != own]
    return source + (f", of equal names the later ones are now {', '.join(renamed)}" if renamed else "")
