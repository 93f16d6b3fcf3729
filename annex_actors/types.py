"""The few types that every package shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array of any dtype; docstrings give shape and dtype."""

Floats: TypeAlias = NDArray[np.floating[Any]]
"""An array of the network's floating dtype (float32 unless the user says otherwise)."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of one sample, without the batch axis: ``(784,)`` or ``(28, 28)``."""

Parameters: TypeAlias = Mapping[str, Floats]
"""One layer's weights (or its optimizer's slots, or their gradients) by name, in a fixed order."""


def uninitialized(size: int) -> memoryview:
    """Return ``size`` bytes to be written to; they are not filled with zeros first, as a ``bytearray``'s are."""
    return np.empty(size, np.uint8).data
