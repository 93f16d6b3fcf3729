"""The arrays that optimizers keep."""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Parameters, frozen


def zeros(slot: str, parameters: Parameters) -> Parameters:
    """Return read-only zeros like every parameter, named ``slot.parameter``."""
    return frozen({f"{slot}.{name}": np.zeros_like(array) for name, array in parameters.items()})
