"""The Kullback-Leibler divergence, for targets that are distributions, such as the predictions of a larger network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import softmax, softmax_cross_entropies, summed, weighted


@dataclass(frozen=True)
class KlDivergence:
    """``sum(t log(t / softmax(outputs)))`` for target distributions t, averaged over samples.

    The outputs are logits: the last layer needs no activation. Its gradient is that of the softmax cross-entropy, but
    it is 0 where both distributions are equal.

    Source:
        Kullback, Leibler (1951), On information and sufficiency.
    """

    @property
    def name(self) -> str:
        """The cost's name."""
        return "kl_divergence"

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return rows of probabilities, shape ``(samples, classes)``, with class labels as one-hot rows.

        Raises:
            DataError: targets of another shape, or rows that are no probabilities.
            ShapeError: ``output_shape`` is not ``(classes,)`` with at least two classes.
        """
        encoding.check_classes(output_shape, self.name, "take sigmoid_cross_entropy for one output")
        return encoding.distributions(targets, output_shape[0])

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and ``(softmax(outputs) - targets) / samples``."""
        costs, gradient = softmax_cross_entropies(outputs, targets)
        logs = np.log(targets, out=np.zeros_like(targets), where=targets > 0)
        gradient /= samples
        total = summed(costs + (targets * logs).sum(axis=-1), sample_weight)
        return total / samples, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return the probability of every class; each row sums to 1."""
        return softmax(outputs)
