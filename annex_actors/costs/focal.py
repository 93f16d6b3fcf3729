"""The focal cost: a sigmoid cross-entropy in which answers that are right already count little."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import sigmoid, sigmoid_cross_entropies, summed, weighted


@dataclass(frozen=True)
class Focal:
    """``-a (1 - p)**gamma log p``, p the probability that a sigmoid gives the right answer, averaged over all outputs.

    a is alpha where the answer is yes, else ``1 - alpha``. Each output is a question of its own, as in the paper, so
    classes are one-hot rows. The outputs are logits: the last layer needs no activation.

    Args:
        gamma: how little easy answers count, >= 0; 0: as much as in the sigmoid cross-entropy.
        alpha: what a yes counts, 0 < alpha < 1; a no counts ``1 - alpha``.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Lin, Goyal, Girshick, He, Dollár (2017), Focal loss for dense object detection, equation 5.
    """

    gamma: float = 2.0
    alpha: float = 0.25

    def __post_init__(self) -> None:
        checks.keep(self, gamma=checks.real_number("gamma", self.gamma, at_least=0))
        checks.keep(self, alpha=checks.real_number("alpha", self.alpha, above=0, below=1))

    @property
    def name(self) -> str:
        """The cost's name."""
        return "focal"

    def spec(self) -> str:
        """Return the cost's text."""
        return written(self.name, self)

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return probabilities, shape ``(samples, *output_shape)``, with labels for several outputs as one-hot rows.

        Raises:
            DataError: targets of another shape, or outside [0, 1].
        """
        return encoding.probabilities(targets, output_shape, self.name)

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and its gradient by the product rule."""
        count, gamma = samples * math.prod(outputs.shape[1:]), self.gamma
        targets = targets.astype(outputs.dtype, copy=False)
        yes, no = sigmoid(outputs), sigmoid(-outputs)  # 1 - yes would round to 0 where an answer is sure
        wrong = yes * (1 - targets) + no * targets  # 1 - p
        costs = sigmoid_cross_entropies(outputs, targets)
        focus = wrong**gamma * (targets * self.alpha + (1 - targets) * (1 - self.alpha))
        # The slope of `wrong` over `wrong`; where `wrong` is 0, so is the focus.
        slope = np.divide((1 - 2 * targets) * yes * no, wrong, out=np.zeros_like(wrong), where=wrong > 0)
        gradient = focus * (yes - targets + gamma * costs * slope)
        gradient /= count
        return summed(focus * costs, sample_weight) / count, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return the probability of a yes for each output."""
        return sigmoid(outputs)
