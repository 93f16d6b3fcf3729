"""Lion: steps of one size, in the direction of a sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.shown import brief
from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.optimizers import learning_rates
from annex_actors.optimizers.arrays import blend, filled
from annex_actors.optimizers.learning_rate import LearningRate, step_size
from annex_actors.optimizers.weight_decay import decay_of, keep_checked, stepped


@dataclass(frozen=True, kw_only=True)
class Lion:
    """``w = w - learning_rate (sign(beta1 m + (1 - beta1) g) + weight_decay w)``, then ``m = beta2 m + (1 - beta2) g``.

    Every weight moves by the learning rate, so a good one is 3 to 10 times smaller than Adam's, with a weight decay as
    much larger.

    Its state is the running mean m of each parameter's gradient, such as ``mean.weight`` for ``weight``.

    Args:
        learning_rate: the step size, > 0; or a rule for it, or the text of either.
        beta1: how much the running mean counts in the step, 0 <= beta1 < 1.
        beta2: the decay of the running mean, 0 <= beta2 < 1.
        weight_decay: how much every weight shrinks, times the learning rate, >= 0.
        decay_biases: whether parameters with fewer than two axes, biases and those of norms, decay too.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Chen, Liang, Huang, et al. (2023), Symbolic discovery of optimization algorithms, algorithm 2.
    """

    learning_rate: float | LearningRate = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    decay_biases: bool = False

    __repr__ = brief

    def __post_init__(self) -> None:
        checks.keep(
            self,
            learning_rate=learning_rates.checked(self.learning_rate),
            beta1=checks.real_number("beta1", self.beta1, at_least=0, below=1),
            beta2=checks.real_number("beta2", self.beta2, at_least=0, below=1),
        )
        keep_checked(self, self.weight_decay, self.decay_biases)

    @property
    def is_elementwise(self) -> bool:
        """True: each number is updated by itself. A subclass may do otherwise, and says so itself."""
        return type(self) is Lion

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return "lion"

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return running means of zero."""
        return filled("mean", parameters)

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters and running means."""
        weights, means = {}, {}
        rate = step_size(self.learning_rate, step)
        for name, weight in parameters.items():
            gradient, mean = gradients[name], state[f"mean.{name}"]
            means[f"mean.{name}"] = blend(mean, gradient, 1 - self.beta2)
            weights[name] = stepped(
                weight,
                self._step(rate, gradient, mean),
                rate * decay_of(weight, self.weight_decay, self.decay_biases),
            )
        return frozen(weights), frozen(means)

    def _step(self, rate: float, gradient: Floats, mean: Floats) -> Floats:
        """Return ``rate sign(beta1 mean + (1 - beta1) gradient)``; overwrite the gradient."""
        step: Floats = mean * self.beta1
        gradient *= 1 - self.beta1
        gradient += step
        np.sign(gradient, out=step)  # in place NumPy takes twenty times as long
        step *= rate
        return step
