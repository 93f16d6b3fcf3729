"""The Poisson cost, for targets that are counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import summed, weighted


@dataclass(frozen=True)
class Poisson:
    """``exp(outputs) - targets * outputs``, averaged over samples and outputs.

    The outputs are logarithms of rates: the last layer needs no activation. It is the negative log-likelihood of the
    counts, but for ``log(targets!)``, which no weight changes; so it may be negative.

    Source:
        Nelder, Wedderburn (1972), Generalized linear models.
    """

    @property
    def name(self) -> str:
        """The cost's name."""
        return "poisson"

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return floats, shape ``(samples, *output_shape)``, with labels for several outputs as one-hot rows.

        Raises:
            DataError: targets of another shape, below 0, NaN or infinity.
        """
        encoded = encoding.numbers(targets, output_shape)
        if encoded.size and encoded.min() < 0:
            raise DataError(f"expected targets >= 0 for {self.name}, got {encoded.min():g}; it is for counts")
        return encoded

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and ``(exp(outputs) - targets) / (samples * outputs per sample)``."""
        count = samples * math.prod(outputs.shape[1:])
        gradient = np.exp(outputs)
        total = summed(gradient - targets * outputs, sample_weight)
        np.subtract(gradient, targets, out=gradient, casting="same_kind")
        gradient /= count
        return total / count, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return the rates, ``exp(outputs)``."""
        return np.exp(outputs)
