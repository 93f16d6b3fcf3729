"""Initial weights: large enough that signals survive many layers, small enough that signals do not explode."""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from annex_actors.base import checks
from annex_actors.base.types import DType, Floats, Shape


class Initializer(Enum):
    """How a layer draws its initial weights.

    Source:
        Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
        He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """

    AUTO = "auto"
    """He if a relu follows, else Glorot."""
    GLOROT = "glorot"
    """Uniform with variance 2 / (fan_in + fan_out)."""
    HE = "he"
    """Normal with variance 2 / fan_in, of which a relu passes on half."""

    @classmethod
    def of(cls, name: str | Initializer) -> Initializer:
        """Return the initializer of this name.

        Raises:
            ConfigError: there is no initializer of this name.
        """
        return checks.member("initializer", name, cls)

    def draw(self, shape: Shape, fan: tuple[int, int], generator: np.random.Generator, dtype: DType) -> Floats:
        """Return initial weights; AUTO stands for Glorot.

        They are drawn in float64 and rounded to ``dtype``, so that both precisions start from the same point.

        Args:
            shape: of the array, with any number of axes.
            fan: how many inputs contribute to an output, and to how many outputs an input contributes; for a dense
                layer ``(in_features, out_features)``.
            generator: from `RandomKey.generator` with `Tag.INITIAL_WEIGHTS`. A layer with several arrays draws them
                one after the other from one generator.
            dtype: float32 or float64.

        Raises:
            ConfigError: an argument of another kind, or a size below 1.
        """
        wanted = "two whole numbers, inputs and outputs, such as (64, 10)"
        fan_in, fan_out = checks.sizes("fan", fan, wanted, count=2)
        shape = checks.sizes("shape", shape, "the shape of an array, such as (64, 10)")
        dtype = checks.floating("dtype", dtype)
        checks.instance("generator", generator, np.random.Generator, "a generator, made by RandomKey.generator")
        if self is Initializer.HE:
            return generator.normal(0.0, math.sqrt(2 / fan_in), shape).astype(dtype)
        limit = math.sqrt(6 / (fan_in + fan_out))
        return generator.uniform(-limit, limit, shape).astype(dtype)
