"""The sigmoid cross-entropy, for one or several yes-or-no answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """``-t log s(x) - (1 - t) log(1 - s(x))``, s the sigmoid, averaged over samples and outputs.

    The outputs are logits: the last layer needs no activation.

    Source:
        Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.2.2.2.
    """

    @property
    def name(self) -> str:
        """The cost's name."""
        return "sigmoid_cross_entropy"

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return probabilities, shape ``(samples, *output_shape)``, with labels for several outputs as one-hot rows.

        Raises:
            DataError: targets of another shape, or outside [0, 1].
        """
        encoded = encoding.numbers(targets, output_shape)
        outside = encoded[(encoded < 0) | (encoded > 1)]
        if outside.size:
            raise DataError(f"expected targets from 0 to 1 for {self.name}, got {outside[0]:g}")
        return encoded

    def evaluate(self, outputs: Floats, targets: Array, samples: int) -> tuple[float, Floats]:
        """Return the share of the cost, and ``(sigmoid(outputs) - targets) / (samples * outputs per sample)``."""
        count = samples * math.prod(outputs.shape[1:])
        # The formula equals log(1 + exp(x)) - t x. This form of it never overflows, and is eight times as fast as
        # np.logaddexp.
        costs = np.log1p(np.exp(-np.abs(outputs))) + np.maximum(outputs, 0) - outputs * targets
        gradient = _sigmoid(outputs)
        np.subtract(gradient, targets, out=gradient, casting="same_kind")
        gradient /= count
        return float(costs.sum(dtype=np.float64)) / count, gradient

    def predictions(self, outputs: Floats) -> Floats:
        """Return the probability of a yes for each output."""
        return _sigmoid(outputs)


def _sigmoid(logits: Floats) -> Floats:
    # Imported here, since it takes as long to import as the rest of the package.
    from scipy.special import expit

    probabilities: Floats = expit(logits)
    return probabilities
