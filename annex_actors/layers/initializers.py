"""Initial weights: large enough that signals survive many layers, small enough that they do not explode."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Floats


class Initializer(Enum):
    """How a dense layer draws its first weights.

    Source:
        Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
        He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """

    AUTO = "auto"
    """He where a relu follows, else Glorot."""
    GLOROT = "glorot"
    """Uniform with variance 2 / (in_features + out_features)."""
    HE = "he"
    """Normal with variance 2 / in_features: a relu passes on half of it."""

    @classmethod
    def of(cls, name: str | Initializer) -> Initializer:
        """Return the initializer of this name.

        Raises:
            ConfigError: there is none of this name.
        """
        names = [member.value for member in cls]
        return cls(name) if isinstance(name, cls) or name in names else checks.unknown("initializer", name, names)

    def weight(self, in_features: int, out_features: int, key: RandomKey, dtype: np.dtype[Any]) -> Floats:
        """Return weights of shape ``(in_features, out_features)``; AUTO stands for Glorot.

        They are drawn in float64 and rounded to ``dtype``, so that precisions start from the same point.
        """
        generator = key.generator(Tag.INITIAL_WEIGHTS)
        shape = (in_features, out_features)
        if self is Initializer.HE:
            return generator.normal(0.0, math.sqrt(2 / in_features), shape).astype(dtype)
        limit = math.sqrt(6 / (in_features + out_features))
        return generator.uniform(-limit, limit, shape).astype(dtype)
