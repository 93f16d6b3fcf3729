"""Adam and AdamW: a step size adapted to every weight."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from annex_actors.base import checks
from annex_actors.base.described import ADDED
from annex_actors.base.shown import brief
from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.optimizers import learning_rates
from annex_actors.optimizers.arrays import blend, filled
from annex_actors.optimizers.learning_rate import LearningRate, step_size
from annex_actors.optimizers.weight_decay import decay_of, keep_checked, stepped


@dataclass(frozen=True, kw_only=True)
class Adam:
    """``w = w - learning_rate m̂ / (sqrt(v̂) + epsilon)``, m̂ and v̂ the unbiased running means of g and g².

    With weight_decay every weight and bias first shrinks by the factor ``1 - learning_rate weight_decay``,
    independently of the adapted step, as in `AdamW`.

    Its state is two arrays for each parameter, such as ``mean.weight`` and ``square.weight`` for ``weight``.

    Args:
        learning_rate: the step size, > 0; or a rule for it, or the text of either.
        beta1: the decay of the running mean of the gradient, 0 <= beta1 < 1.
        beta2: the decay of the running mean of its square, 0 <= beta2 < 1.
        epsilon: keeps the step finite where gradients vanish, > 0.
        weight_decay: how much every weight shrinks, times the learning rate, >= 0.
        decay_biases: whether parameters with fewer than two axes, biases and those of norms, decay too.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Kingma, Ba (2015), Adam: a method for stochastic optimization, algorithm 1.
        Loshchilov, Hutter (2019), Decoupled weight decay regularization, algorithm 2.
    """

    learning_rate: float | LearningRate = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    # Everywhere else False. Here, decay came before this setting, and a training must give the same bits as then.
    decay_biases: bool = field(default=True, metadata=ADDED)

    __repr__ = brief

    def __post_init__(self) -> None:
        checks.keep(
            self,
            learning_rate=learning_rates.checked(self.learning_rate),
            beta1=checks.real_number("beta1", self.beta1, at_least=0, below=1),
            beta2=checks.real_number("beta2", self.beta2, at_least=0, below=1),
            epsilon=checks.real_number("epsilon", self.epsilon, above=0),
        )
        keep_checked(self, self.weight_decay, self.decay_biases)

    @property
    def is_elementwise(self) -> bool:
        """True: each number is updated by itself. A subclass may do otherwise, and says so itself."""
        return type(self) in (Adam, AdamW)

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return "adam"

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return running means of zero."""
        return {**filled("mean", parameters), **filled("square", parameters)}

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters and running means."""
        weights, means, squares = {}, {}, {}
        rate = step_size(self.learning_rate, step)
        for name, weight in parameters.items():
            gradient = gradients[name]
            mean = means[f"mean.{name}"] = blend(state[f"mean.{name}"], gradient, 1 - self.beta1)
            np.multiply(gradient, gradient, out=gradient)
            square = squares[f"square.{name}"] = blend(state[f"square.{name}"], gradient, 1 - self.beta2)
            weights[name] = self._stepped(step + 1, rate, weight, mean, square, scratch=gradient)
        return frozen(weights), frozen({**means, **squares})

    def _stepped(
        self, count: int, rate: float, weight: Floats, mean: Floats, square: Floats, scratch: Floats
    ) -> Floats:
        # Both bias corrections are scalar factors, so that no array is corrected, as section 2 of the paper suggests.
        root = math.sqrt(1 - self.beta2**count)
        np.sqrt(square, out=scratch)
        scratch += self.epsilon * root
        np.divide(mean, scratch, out=scratch)
        scratch *= rate * root / (1 - self.beta1**count)
        return stepped(weight, scratch, rate * decay_of(weight, self.weight_decay, self.decay_biases))


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam, after every weight has shrunk by the factor ``1 - learning_rate weight_decay``; biases and norms do not.

    `Adam` with these defaults: ``Adam(weight_decay=0.01, decay_biases=False)`` makes the same steps.

    Args:
        learning_rate: the step size, > 0; or a rule for it, or the text of either.
        beta1: the decay of the running mean of the gradient, 0 <= beta1 < 1.
        beta2: the decay of the running mean of its square, 0 <= beta2 < 1.
        epsilon: keeps the step finite where gradients vanish, > 0.
        weight_decay: how much every weight shrinks, times the learning rate, >= 0.
        decay_biases: whether parameters with fewer than two axes, biases and those of norms, decay too.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Loshchilov, Hutter (2019), Decoupled weight decay regularization, algorithm 2.
    """

    weight_decay: float = 0.01
    decay_biases: bool = False

    __repr__ = brief

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return "adamw"
