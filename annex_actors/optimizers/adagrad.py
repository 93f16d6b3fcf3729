"""Adagrad: a step size that falls for each weight with the gradients that it has had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.shown import brief
from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.optimizers import learning_rates
from annex_actors.optimizers.arrays import filled
from annex_actors.optimizers.learning_rate import LearningRate, step_size
from annex_actors.optimizers.weight_decay import add_decay, keep_checked, stepped


@dataclass(frozen=True, kw_only=True)
class Adagrad:
    """``w = w - learning_rate g / (sqrt(s) + epsilon)``, s the sum of all g² so far.

    With weight_decay the gradient g of each weight w is ``g + weight_decay w``. A learning rate that decays as well is
    a rule: torch's ``lr_decay=0.1`` is ``learning_rate="inverse_time:0.01:0.1"``.

    Its state is an array for each parameter, such as ``square_sum.weight`` for ``weight``.

    Args:
        learning_rate: the step size, > 0; or a rule for it, or the text of either.
        initial_accumulator_value: the sums of squares before the first step, >= 0.
        epsilon: keeps the step finite where gradients vanish, > 0.
        weight_decay: how much of each weight is added to its gradient, >= 0.
        decay_biases: whether parameters with fewer than two axes, biases and those of norms, decay too.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Duchi, Hazan, Singer (2011), Adaptive subgradient methods for online learning and stochastic optimization.
    """

    learning_rate: float | LearningRate = 0.01
    initial_accumulator_value: float = 0.0
    epsilon: float = 1e-10
    weight_decay: float = 0.0
    decay_biases: bool = False

    __repr__ = brief

    def __post_init__(self) -> None:
        start = checks.real_number("initial_accumulator_value", self.initial_accumulator_value, at_least=0)
        checks.keep(
            self,
            learning_rate=learning_rates.checked(self.learning_rate),
            initial_accumulator_value=start,
            epsilon=checks.real_number("epsilon", self.epsilon, above=0),
        )
        keep_checked(self, self.weight_decay, self.decay_biases)

    @property
    def is_elementwise(self) -> bool:
        """True: each number is updated by itself. A subclass may do otherwise, and says so itself."""
        return type(self) is Adagrad

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return "adagrad"

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return sums of squares that are ``initial_accumulator_value``."""
        return filled("square_sum", parameters, self.initial_accumulator_value)

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters and sums of squares."""
        weights, sums = {}, {}
        rate = step_size(self.learning_rate, step)
        add_decay(gradients, parameters, self.weight_decay, self.decay_biases)
        for name, weight in parameters.items():
            gradient = gradients[name]
            square_sum = sums[f"square_sum.{name}"] = np.multiply(gradient, gradient)
            square_sum += state[f"square_sum.{name}"]
            root = np.sqrt(square_sum)
            root += self.epsilon
            gradient /= root
            gradient *= rate
            weights[name] = stepped(weight, gradient)
        return frozen(weights), frozen(sums)
