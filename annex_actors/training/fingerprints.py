"""Fingerprints of a run's results: two runs computed the same bits if their fingerprints are equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

import numpy as np

from annex_actors.base.types import Array


def arrays_sha256(arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256, in hex, over names (sorted), dtypes, shapes and bytes."""
    digest = sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def costs_sha256(costs: Iterable[float]) -> str:
    """Return the SHA-256, in hex, over the costs as little-endian float64, in the order of steps."""
    return sha256(np.array(list(costs), dtype="<f8").tobytes()).hexdigest()
