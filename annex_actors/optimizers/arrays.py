"""The arrays that optimizers keep."""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Floats, Parameters


def zeros(slot: str, parameters: Parameters) -> Parameters:
    """Return read-only zeros like every parameter, named ``slot.parameter``."""
    return frozen({f"{slot}.{name}": np.zeros_like(array) for name, array in parameters.items()})


def frozen(arrays: dict[str, Floats]) -> Parameters:
    """Return ``arrays``, which nobody can write to from here on."""
    for array in arrays.values():
        array.flags.writeable = False
    return arrays
