"""What follows the standardising in most norms: ``weight * x + bias``, both learned, each optional."""

from __future__ import annotations

import numpy as np

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import DType, Floats, Parameters, Shape, frozen
from annex_actors.base.words import counted
from annex_actors.layers.layer import Factors


def initial_affine(shape: Shape, dtype: DType, *, scale: bool, center: bool) -> Parameters:
    """Return a weight of ones if the norm scales, and a bias of zeros if it centers."""
    weight = {"weight": np.ones(shape, dtype)} if scale else {}
    return frozen({**weight, **({"bias": np.zeros(shape, dtype)} if center else {})})


def affine_gradient(factors: Factors, *, scale: bool, center: bool) -> dict[str, Floats]:
    """Return the sums of the microbatches' gradients for the weight and the bias, which are the first two factors."""
    wanted = {"weight": scale, "bias": center}
    return {
        name: factor.sum(axis=0) for (name, is_there), factor in zip(wanted.items(), factors, strict=False) if is_there
    }


def check_axes(input_shape: Shape, axes: int = 1) -> None:
    """Check that samples have so many axes.

    Raises:
        ShapeError: they have fewer.
    """
    if len(input_shape) < axes:
        wanted = "of shape (..., channels)" if axes == 1 else f"with at least {counted(axes, 'axis', 'axes')}"
        raise ShapeError(f"expected samples {wanted}, got {input_shape}")
