"""Sums over the rows of an array, and products with one number for each column, for few columns as well as for many.

NumPy works through an array row by row, at a fixed price for each row: rows of 16 channels take three to ten times as
long as rows of 1024. So the functions here lay several rows side by side, which copies nothing: an array of shape
``(50176, 16)`` becomes one of shape ``(784, 1024)``. A sum over its rows is then one over 784 numbers, and one over 64
of their sums, which is also more accurate. How many rows lie side by side depends on the shape alone, and so do the
bits.
"""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Floats

_WIDTH = 1024
"""Columns, at most, unless there are more already: 4 kB or 8 kB."""


def wide(array: Floats, columns: int) -> Floats:
    """Return a view of an array whose last axes have ``columns`` numbers: several rows of these in each of its rows."""
    rows = array.size // columns
    side = beside(rows, columns)
    return array.reshape(rows // side, side * columns)


def beside(rows: int, columns: int) -> int:
    """Return how many of these rows to lay side by side: a divisor of ``rows``."""
    return next(count for count in range(max(_WIDTH // columns, 1), 0, -1) if rows % count == 0)


def tiled(row: Floats, like: Floats) -> Floats:
    """Return a row, with one number for each column, repeated up to the width of the wide array ``like``."""
    return np.tile(row, like.shape[-1] // row.shape[-1])


def column_sums(array: Floats, columns: int) -> Floats:
    """Return the sum of each column of a wide array, shape ``(columns,)``."""
    sums: Floats = array.sum(axis=0).reshape(-1, columns).sum(axis=0)
    return sums
