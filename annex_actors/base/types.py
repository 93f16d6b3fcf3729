"""The few types that every package shares, and the few questions that all ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array of any dtype; docstrings give shape and dtype."""

Floats: TypeAlias = NDArray[np.floating[Any]]
"""An array of the network's floating dtype (float32 unless the user says otherwise)."""

DType: TypeAlias = np.dtype[Any]
"""The dtype of a network: float32 or float64."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of one sample, without the batch axis: ``(784,)`` or ``(28, 28)``."""

Parameters: TypeAlias = Mapping[str, Floats]
"""One layer's weights (or its optimizer's slots, or their gradients) by name, in a fixed order."""


def uninitialized(size: int) -> memoryview:
    """Return ``size`` bytes to be written to; they are not filled with zeros first, as a ``bytearray``'s are."""
    return np.empty(size, np.uint8).data


def is_writable(array: Array) -> bool:
    """Return whether anybody can write to the memory of ``array``: through it, or through an array it is a view of."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return True
        owner = owner.base
    return False


def frozen(arrays: dict[str, Floats]) -> Parameters:
    """Return ``arrays``, marked read-only: nothing can write to them from here on."""
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


_Class = TypeVar("_Class", bound=type)


def pickled_by_fields(cls: _Class) -> _Class:
    """Let a frozen dataclass of two fields or more be pickled as the call that makes it: a decorator.

    What `dataclasses` do for those with slots runs several times as much Python, for every message and every commit.
    """
    values = attrgetter(*(field.name for field in fields(cls)))
    setattr(cls, "__reduce__", lambda self: (cls, values(self)))  # noqa: B010 - which a type checker cannot follow
    return cls
