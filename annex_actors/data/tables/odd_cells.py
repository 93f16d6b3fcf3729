"""Columns that are almost numbers: a few cells of text among many numbers are typing errors, not categories."""

from __future__ import annotations

from typing import Any

from annex_actors.data.tables.columns import Column, Kind

_LEAST = 20
"""In fewer cells a share says nothing."""

_FEW = 0.05
"""The largest share of cells that are no numbers."""

_POINT, _COMMA = (rf"(?i)^[+-]?((\d+{point}?\d*|{point}\d+)(e[+-]?\d+)?|inf(inity)?)$" for point in (r"\.", ","))


def odd_cell(column: Column) -> int | None:
    """Return the first row whose cell is no number in a column that is text because of a few such cells.

    Numbers may be written with a decimal point or with a decimal comma, but with one of them only.

    Args:
        column: of any kind.

    Returns:
        The row, from 0. None where the column is no text, has fewer than 20 cells that are not missing, or more than
        one cell in 20 of them is no number.
    """
    if column.kind is not Kind.TEXT:
        return None
    import pyarrow as pa

    cells = pa.array(column.values, pa.string())
    known = len(cells) - cells.null_count
    if known < _LEAST:
        return None
    odd = [rows for pattern in (_POINT, _COMMA) if 0 < len(rows := _odd_rows(cells, pattern)) <= _FEW * known]
    return int(min(odd, key=len)[0].as_py()) if odd else None


def _odd_rows(cells: Any, pattern: str) -> Any:
    """Return the rows of the cells that do not match; a missing cell is none of them."""
    import pyarrow.compute as pc

    return pc.indices_nonzero(pc.fill_null(pc.invert(pc.match_substring_regex(cells, pattern)), False))
