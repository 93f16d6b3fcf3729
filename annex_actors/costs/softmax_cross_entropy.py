"""The softmax cross-entropy, for one of several classes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.described import ADDED
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import softmax, softmax_cross_entropies, summed, weighted


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """``-log softmax(outputs)[class]``, averaged over samples.

    For targets that are probabilities t of the classes it is ``-sum(t log softmax(outputs))``. The outputs are logits:
    the last layer needs no activation.

    Args:
        label_smoothing: how far targets move towards equal odds: t becomes
            ``(1 - label_smoothing) t + label_smoothing / classes``; 0 <= label_smoothing < 1.

    Raises:
        ConfigError: a label smoothing out of range.

    Source:
        Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.2.2.3; Szegedy et al. (2016), Rethinking the
        Inception architecture for computer vision, section 7, for label smoothing.
    """

    label_smoothing: float = field(default=0.0, metadata=ADDED)

    def __post_init__(self) -> None:
        smoothing = checks.real_number("label_smoothing", self.label_smoothing, at_least=0, below=1)
        checks.keep(self, label_smoothing=smoothing)

    @property
    def name(self) -> str:
        """The cost's name."""
        return "softmax_cross_entropy"

    def spec(self) -> str:
        """Return the cost's text."""
        return written(self.name, self)

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return class labels, int64, shape ``(samples,)``, from integers or one-hot rows; or rows of probabilities.

        Raises:
            DataError: labels of another shape, not integers, or out of range; or rows that are no probabilities.
            ShapeError: ``output_shape`` is not ``(classes,)`` with at least two classes.
        """
        encoding.check_classes(output_shape, self.name, "take sigmoid_cross_entropy for one output")
        return encoding.classes_or_probabilities(targets, output_shape[0])

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and ``(softmax(outputs) - targets) / samples``, targets as one-hot rows."""
        costs, gradient = (self._of_classes if targets.ndim == 1 else self._of_probabilities)(outputs, targets)
        gradient /= samples
        return summed(costs, sample_weight) / samples, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return the probability of every class; each row sums to 1."""
        return softmax(outputs)

    def _of_classes(self, outputs: Floats, targets: Array) -> tuple[Floats, Floats]:
        # Fused: one exp serves the cost and its gradient. The largest logit is subtracted first, so none overflows.
        rows, smoothing = np.arange(len(outputs)), self.label_smoothing
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        gradient = np.exp(shifted)
        totals = gradient.sum(axis=-1, keepdims=True)
        gradient /= totals
        of_class = shifted[rows, targets]
        if smoothing:
            of_class = of_class * (1 - smoothing) + shifted.mean(axis=-1) * smoothing
            gradient -= smoothing / outputs.shape[-1]
        gradient[rows, targets] -= 1 - smoothing
        return np.log(totals[:, 0]) - of_class, gradient

    def _of_probabilities(self, outputs: Floats, targets: Array) -> tuple[Floats, Floats]:
        smoothing = self.label_smoothing
        if smoothing:
            targets = targets * (1 - smoothing) + smoothing / outputs.shape[-1]
        return softmax_cross_entropies(outputs, targets)
