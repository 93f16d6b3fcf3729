"""The mean absolute error, for amounts among which a few far off ones should not decide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import difference, summed, weighted


@dataclass(frozen=True)
class MeanAbsoluteError:
    """``|outputs - targets|``, averaged over samples and outputs; its slope is 0 where they are equal."""

    @property
    def name(self) -> str:
        """The cost's name."""
        return "mean_absolute_error"

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return floats, shape ``(samples, *output_shape)``, with labels for several outputs as one-hot rows.

        Raises:
            DataError: targets of another shape, NaN or infinity.
        """
        return encoding.numbers(targets, output_shape)

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and ``sign(outputs - targets) / (samples * outputs per sample)``."""
        count = samples * math.prod(outputs.shape[1:])
        gradient = difference(outputs, targets)
        total = summed(np.abs(gradient), sample_weight)
        np.sign(gradient, out=gradient)
        gradient /= count
        return total / count, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return ``outputs`` itself."""
        return outputs
