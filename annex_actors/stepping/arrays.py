"""Arrays in short: shape, norm, first numbers and hash; and the arrays inside what a layer has saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

import numpy as np

from annex_actors.base.types import Array
from annex_actors.stepping.point import Numbers

_FIRST = 4
_DIGITS = 8


def numbers(array: Array, name: str = "") -> Numbers:
    """Return an array in short."""
    flat = np.ravel(array)
    whole = np.ascontiguousarray(array)
    return Numbers(
        name,
        tuple(array.shape),
        str(array.dtype),
        float(np.linalg.norm(flat.astype(np.float64))),
        tuple(float(each) for each in flat[:_FIRST]),
        sha256(whole.tobytes()).hexdigest()[:_DIGITS],
    )


def arrays_in(value: object) -> Iterator[Array]:
    """Yield the arrays in nested tuples, lists and mappings, in order; a layer may save anything."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from arrays_in(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from arrays_in(each)
