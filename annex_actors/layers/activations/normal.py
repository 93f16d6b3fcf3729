"""The standard normal distribution, by which gelu weighs its inputs, and the tanh formula that approximates it.

Each has a distribution function and its derivative, the density. All are finite, without overflow, for all numbers.
"""

from __future__ import annotations

import math

import numpy as np

from annex_actors.base.types import Floats

_FITTED = (0.797884216, 0.0363342835, -3.31299722e-05, -5.52401638e-05, 3.96911008e-06, -1.33446442e-07, 1.80561706e-09)
"""Coefficients of 1, s, s**2, ... in p; ``x p(x**2)`` is atanh(erf(x / sqrt(2))), of which its tanh is 2e-7 away."""

_END = 6.0
"""Up to here p was fitted; beyond, float32 cannot tell the distribution function from 0 or 1."""

_SLOPE, _CUBIC = math.sqrt(2 / math.pi), 0.044715


def distribution(inputs: Floats) -> Floats:
    """Return the probability that a standard normal variable is below each number, to the precision of float32.

    For float64 arrays it is exact to that precision: a new array.
    """
    if inputs.dtype != np.float32:
        # Imported here, since it takes as long to import as the rest of the package.
        from scipy.special import ndtr

        exact: Floats = ndtr(inputs)
        return exact
    # Eight times as fast as scipy.special.ndtr, 0.7 ms against 5.7 at 4096 × 128, which computes in float64.
    near = inputs.clip(-_END, _END)
    squares = near * near
    exponent = squares * _FITTED[-1]
    for coefficient in _FITTED[-2:0:-1]:
        exponent += coefficient
        exponent *= squares
    exponent += _FITTED[0]
    exponent *= near
    return _logistic(exponent)


def density(inputs: Floats, probabilities: Floats) -> Floats:
    """Return ``exp(-x**2 / 2) / sqrt(2 pi)``: a new array; ``probabilities`` is what `distribution` returned."""
    densities = inputs.clip(-40, 40)  # whose density is 0 in float64
    densities *= densities
    densities *= -0.5
    np.exp(densities, out=densities)
    densities *= 1 / math.sqrt(2 * math.pi)
    return densities


def tanh_distribution(inputs: Floats) -> Floats:
    """Return ``(1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2``: a new array."""
    near = inputs.clip(-10, 10)  # whose tanh is 1 in float64
    exponent = near * near
    exponent *= _SLOPE * _CUBIC
    exponent += _SLOPE
    exponent *= near
    return _logistic(exponent)


def tanh_density(inputs: Floats, probabilities: Floats) -> Floats:
    """Return the derivative of `tanh_distribution`, which returned ``probabilities``: a new array."""
    densities = inputs.clip(-10, 10)
    densities *= densities
    densities *= 6 * _SLOPE * _CUBIC
    densities += 2 * _SLOPE
    densities *= probabilities
    densities *= 1 - probabilities
    return densities


def _logistic(exponent: Floats) -> Floats:
    """Return ``(1 + tanh(exponent)) / 2``, in place."""
    np.tanh(exponent, out=exponent)
    exponent *= 0.5
    exponent += 0.5
    return exponent
