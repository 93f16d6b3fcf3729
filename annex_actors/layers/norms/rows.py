"""Statistics over the numbers of a row: what layer_norm and rms_norm have in common."""

from __future__ import annotations

import math

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers.columns import column_sums, wide


def as_rows(array: Floats, axes: int = 1) -> Floats:
    """Return a view of an array whose last ``axes`` axes are one."""
    width = math.prod(array.shape[array.ndim - axes :])
    return array.reshape(array.size // width, width)


def means(rows: Floats, weight: Floats | None = None) -> Floats:
    """Return the mean of each row, or of its products with ``weight``, shape ``(rows, 1)``."""
    # A product of BLAS: 28 µs at 4096 × 128, and 65 at 50,176 × 16, where NumPy's mean takes 119 and 1000.
    factor = np.full(rows.shape[1], 1 / rows.shape[1], rows.dtype) if weight is None else weight / rows.shape[1]
    result: Floats = rows @ factor
    return result[:, np.newaxis]


def inverse_root(rows: Floats, epsilon: float) -> Floats:
    """Return ``1 / sqrt(mean(x**2) + epsilon)`` for each row, shape ``(rows, 1)``."""
    squares: Floats = np.einsum("rc,rc->r", rows, rows)[:, np.newaxis]
    squares /= rows.shape[1]
    squares += epsilon
    np.sqrt(squares, out=squares)
    return np.reciprocal(squares, out=squares)


def gradients(rows: Floats, grad_rows: Floats) -> tuple[Floats, Floats]:
    """Return the gradients of a microbatch for the weight, from what was standardised, and for the bias.

    Shape ``(1, columns)``, so that those of several microbatches lie one below the other.
    """
    columns = rows.shape[1]
    weight = column_sums(wide(rows * grad_rows, columns), columns)
    bias = column_sums(wide(grad_rows, columns), columns)
    return weight[np.newaxis], bias[np.newaxis]
