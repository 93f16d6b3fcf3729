"""The softmax cross-entropy, for one of several classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """``-log softmax(outputs)[class]``, averaged over samples.

    The outputs are logits: the last layer needs no activation.

    Source:
        Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.2.2.3.
    """

    @property
    def name(self) -> str:
        """The cost's name."""
        return "softmax_cross_entropy"

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return class labels, int64, shape ``(samples,)``, from integers or one-hot rows.

        Raises:
            DataError: labels of another shape, not integers, or out of range.
            ShapeError: ``output_shape`` is not ``(classes,)`` with at least two classes.
        """
        if len(output_shape) != 1 or output_shape[0] < 2:
            raise ShapeError(
                f"expected outputs of shape (classes,) with at least 2 classes for {self.name}, got {output_shape}; "
                "take sigmoid_cross_entropy for one output, and put flatten() before the last dense layer"
            )
        return encoding.classes(targets, output_shape[0])

    def evaluate(self, outputs: Floats, targets: Array, samples: int) -> tuple[float, Floats]:
        """Return the share of the cost, and ``(softmax(outputs) - one_hot(targets)) / samples``."""
        # Fused: one exp serves the cost and its gradient. The largest logit is subtracted first, so none overflows.
        rows = np.arange(len(outputs))
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        gradient = np.exp(shifted)
        totals = gradient.sum(axis=-1, keepdims=True)
        costs = np.log(totals[:, 0]) - shifted[rows, targets]
        gradient /= totals
        gradient[rows, targets] -= 1
        gradient /= samples
        return float(costs.sum(dtype=np.float64)) / samples, gradient

    def predictions(self, outputs: Floats) -> Floats:
        """Return the probability of every class; each row sums to 1."""
        probabilities: Floats = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        probabilities /= probabilities.sum(axis=-1, keepdims=True)
        return probabilities
