"""The Huber cost: squared for small errors, absolute for large ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import difference, summed, weighted


@dataclass(frozen=True)
class Huber:
    """``e**2 / 2`` for errors e up to delta, ``delta (|e| - delta / 2)`` above, averaged over samples and outputs.

    Args:
        delta: up to which error the cost is quadratic, > 0.

    Raises:
        ConfigError: a delta out of range.

    Source:
        Huber (1964), Robust estimation of a location parameter.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        checks.keep(self, delta=checks.real_number("delta", self.delta, above=0))

    @property
    def name(self) -> str:
        """The cost's name."""
        return "huber"

    def spec(self) -> str:
        """Return the cost's text."""
        return written(self.name, self)

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return floats, shape ``(samples, *output_shape)``, with labels for several outputs as one-hot rows.

        Raises:
            DataError: targets of another shape, NaN or infinity.
        """
        return encoding.numbers(targets, output_shape)

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and the errors, cut at delta, over ``samples * outputs per sample``."""
        count = samples * math.prod(outputs.shape[1:])
        errors = difference(outputs, targets)
        gradient = np.clip(errors, -self.delta, self.delta)
        total = summed(gradient * (errors - gradient / 2), sample_weight)  # both formulas of the cost are this one
        gradient /= count
        return total / count, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return ``outputs`` itself."""
        return outputs
