"""Arrays for the state of optimizers."""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Floats, Parameters, frozen


def filled(slot: str, parameters: Parameters, value: float = 0.0) -> Parameters:
    """Return a read-only array of ``value`` for each parameter, in its shape and dtype, named ``slot.parameter``."""
    return frozen({f"{slot}.{name}": np.full_like(array, value) for name, array in parameters.items()})


def blend(old: Floats, new: Floats, share: float) -> Floats:
    """Return ``old + share * (new - old)``, the next running mean, without a temporary array."""
    result: Floats = new - old
    result *= share
    result += old
    return result


def blend_square(old: Floats, gradient: Floats, share: float) -> Floats:
    """Return ``old + share * (gradient² - old)``, the next running mean of squares, without a temporary array."""
    result: Floats = np.multiply(gradient, gradient)
    result -= old
    result *= share
    result += old
    return result
