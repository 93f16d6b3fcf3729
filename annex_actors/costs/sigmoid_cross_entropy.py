"""The sigmoid cross-entropy, for one or several yes-or-no answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.described import ADDED
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import sigmoid, sigmoid_cross_entropies, summed, weighted


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """``-t log s(x) - (1 - t) log(1 - s(x))``, s the sigmoid, averaged over samples and outputs.

    The outputs are logits: the last layer needs no activation.

    Args:
        label_smoothing: how far targets move towards 1/2: t becomes ``(1 - label_smoothing) t + label_smoothing / 2``;
            0 <= label_smoothing < 1.

    Raises:
        ConfigError: a label smoothing out of range.

    Source:
        Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.2.2.2.
    """

    label_smoothing: float = field(default=0.0, metadata=ADDED)

    def __post_init__(self) -> None:
        smoothing = checks.real_number("label_smoothing", self.label_smoothing, at_least=0, below=1)
        checks.keep(self, label_smoothing=smoothing)

    @property
    def name(self) -> str:
        """The cost's name."""
        return "sigmoid_cross_entropy"

    def spec(self) -> str:
        """Return the cost's text."""
        return written(self.name, self)

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return probabilities, smoothed, with labels for several outputs as one-hot rows.

        Raises:
            DataError: targets of another shape, or outside [0, 1].
        """
        encoded = encoding.probabilities(targets, output_shape, self.name)
        smoothing = self.label_smoothing
        return encoded * (1 - smoothing) + smoothing / 2 if smoothing else encoded

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and ``(sigmoid(outputs) - targets) / (samples * outputs per sample)``."""
        count = samples * math.prod(outputs.shape[1:])
        total = summed(sigmoid_cross_entropies(outputs, targets), sample_weight)
        gradient = sigmoid(outputs)
        np.subtract(gradient, targets, out=gradient, casting="same_kind")
        gradient /= count
        return total / count, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return the probability of a yes for each output."""
        return sigmoid(outputs)
