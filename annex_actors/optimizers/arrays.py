"""Arrays for the state of optimizers."""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Parameters, frozen


def zeros(slot: str, parameters: Parameters) -> Parameters:
    """Return a read-only array of zeros for each parameter, in its shape and dtype, named ``slot.parameter``."""
    return frozen({f"{slot}.{name}": np.zeros_like(array) for name, array in parameters.items()})
