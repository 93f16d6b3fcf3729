"""RMSprop: a gradient divided by the root of its recent mean square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.shown import brief
from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.optimizers import learning_rates
from annex_actors.optimizers.arrays import blend, blend_square, filled
from annex_actors.optimizers.learning_rate import LearningRate, step_size
from annex_actors.optimizers.weight_decay import add_decay, keep_checked, stepped


@dataclass(frozen=True, kw_only=True)
class RMSprop:
    """``w = w - learning_rate g / (sqrt(v) + epsilon)``, v the running mean of g².

    Centered, v is the running variance: the running mean of g² less the square of that of g. With momentum the step is
    along a velocity, ``u = momentum u + g / (sqrt(v) + epsilon)``. With weight_decay the gradient g of each weight w is
    ``g + weight_decay w``.

    Its state is an array for each parameter, such as ``square.weight`` for ``weight``; ``mean.weight`` too if centered,
    and ``velocity.weight`` with momentum.

    Args:
        learning_rate: the step size, > 0; or a rule for it, or the text of either.
        alpha: the decay of the running means, 0 <= alpha < 1.
        epsilon: keeps the step finite where gradients vanish, > 0.
        momentum: the fraction of the velocity that is kept, 0 <= momentum < 1.
        centered: whether to divide by the deviation of the gradient instead of its root mean square.
        weight_decay: how much of each weight is added to its gradient, >= 0.
        decay_biases: whether parameters with fewer than two axes, biases and those of norms, decay too.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Tieleman, Hinton (2012), Lecture 6.5, RMSprop: divide the gradient by a running average of its recent magnitude.
        Graves (2013), Generating sequences with recurrent neural networks, equations 38 to 41: centered.
    """

    learning_rate: float | LearningRate = 0.01
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0
    decay_biases: bool = False

    __repr__ = brief

    def __post_init__(self) -> None:
        checks.keep(
            self,
            learning_rate=learning_rates.checked(self.learning_rate),
            alpha=checks.real_number("alpha", self.alpha, at_least=0, below=1),
            epsilon=checks.real_number("epsilon", self.epsilon, above=0),
            momentum=checks.real_number("momentum", self.momentum, at_least=0, below=1),
            centered=checks.boolean("centered", self.centered),
        )
        keep_checked(self, self.weight_decay, self.decay_biases)

    @property
    def is_elementwise(self) -> bool:
        """True: each number is updated by itself. A subclass may do otherwise, and says so itself."""
        return type(self) is RMSprop

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return "rmsprop"

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return running means and velocities of zero."""
        slots = ["square", *(["mean"] if self.centered else []), *(["velocity"] if self.momentum else [])]
        return {name: array for slot in slots for name, array in filled(slot, parameters).items()}

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters, running means and velocities."""
        weights = {}
        after = dict(state)  # in its order; every array is replaced
        rate = step_size(self.learning_rate, step)
        add_decay(gradients, parameters, self.weight_decay, self.decay_biases)
        for name, weight in parameters.items():
            gradient = gradients[name]
            direction = self._direction(name, gradient, state, after)
            weights[name] = stepped(weight, np.multiply(direction, rate, out=gradient))
        return frozen(weights), frozen(after)

    def _direction(self, name: str, gradient: Floats, state: Parameters, after: dict[str, Floats]) -> Floats:
        """Put a parameter's next state into ``after``, and return its step before the learning rate multiplies it."""
        square = after[f"square.{name}"] = blend_square(state[f"square.{name}"], gradient, 1 - self.alpha)
        if self.centered:
            mean = after[f"mean.{name}"] = blend(state[f"mean.{name}"], gradient, 1 - self.alpha)
            spread = mean * mean
            np.subtract(square, spread, out=spread)
            np.maximum(spread, 0, out=spread)  # rounding may make a vanishing variance negative
            np.sqrt(spread, out=spread)
        else:
            spread = np.sqrt(square)
        spread += self.epsilon
        gradient /= spread
        if not self.momentum:
            return gradient
        velocity = after[f"velocity.{name}"] = state[f"velocity.{name}"] * self.momentum
        velocity += gradient
        return velocity
