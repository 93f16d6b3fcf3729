"""Indices as inputs: whole numbers from 0, such as the words of a text.

Samples are floats, whatever they mean. Float32 holds every whole number up to 2**24, so indices below that are exact.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats

MOST_INDICES = 2**24
"""How many whole numbers from 0 a float32 array can tell apart."""


@runtime_checkable
class TakesIndices(Protocol):
    """A layer whose inputs are indices, such as `Embedding`; samples are checked for it before any actor starts."""

    @property
    def num_indices(self) -> int:
        """How many there are, at most 2**24: the inputs are whole numbers from 0 to ``num_indices - 1``."""


def as_indices(inputs: Floats, count: int, *, what: str = "inputs", taker: str = "", first_row: int = 0) -> Array:
    """Return inputs as indices of an array.

    Args:
        inputs: of any shape.
        count: how many indices there are.
        what: what the inputs are, for the error.
        taker: what takes them, for the error, such as ``layer 0 (embedding:100:16)``.
        first_row: the number of their first row, for the error.

    Raises:
        DataError: an input is not a whole number from 0 to ``count - 1``; the message gives its place, from 0.
    """
    good = (inputs >= 0) & (inputs < count) & (np.floor(inputs) == inputs)
    if good.all():
        return inputs.astype(np.intp)
    row, *columns = (int(each) for each in np.argwhere(~good)[0])
    place = f"row {first_row + row}" + (f", column {', '.join(map(str, columns))}" if columns else "")
    wanted = f"indices from 0 to {count - 1}" + (f" for {taker}" if taker else "")
    got = f"{inputs[(row, *columns)]:.10g} in {place}"
    raise DataError(f"expected {what} to be {wanted}, got {got}; correct it, or allow for more indices")
