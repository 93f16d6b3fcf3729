"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from annex_actors.base import checks
from annex_actors.base.described import ADDED
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief
from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.optimizers import learning_rates
from annex_actors.optimizers.arrays import filled
from annex_actors.optimizers.learning_rate import LearningRate, step_size
from annex_actors.optimizers.weight_decay import add_decay, keep_checked, stepped


@dataclass(frozen=True, kw_only=True)
class Sgd:
    """``v = momentum v + g``, then ``w = w - learning_rate v``; with nesterov ``w - learning_rate (g + momentum v)``.

    With weight_decay the gradient g of each weight w is ``g + weight_decay w``.

    Its state is the velocity v of each parameter, such as ``velocity.weight`` for ``weight``; empty if momentum is 0.

    Args:
        learning_rate: the step size, > 0; or a rule for it, or the text of either.
        momentum: the fraction of the velocity that is kept, 0 <= momentum < 1. None: 0, or 0.9 with nesterov.
        nesterov: whether the step looks ahead along the velocity; needs momentum > 0.
        weight_decay: how much of each weight is added to its gradient, >= 0.
        decay_biases: whether parameters with fewer than two axes, biases and those of norms, decay too.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Sutskever, Martens, Dahl, Hinton (2013), On the importance of initialization and momentum in deep learning.
    """

    learning_rate: float | LearningRate = 0.05
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float = field(default=0.0, metadata=ADDED)
    decay_biases: bool = field(default=False, metadata=ADDED)

    __repr__ = brief

    def __post_init__(self) -> None:
        nesterov = checks.boolean("nesterov", self.nesterov)
        momentum = self.momentum if self.momentum is not None else 0.9 if nesterov else 0.0
        checks.keep(
            self,
            learning_rate=learning_rates.checked(self.learning_rate),
            momentum=checks.real_number("momentum", momentum, at_least=0, below=1),
            nesterov=nesterov,
        )
        keep_checked(self, self.weight_decay, self.decay_biases)
        if self.nesterov and not self.momentum:
            raise ConfigError("expected `momentum` > 0 with nesterov, got 0; set momentum=0.9 or leave nesterov out")

    @property
    def is_elementwise(self) -> bool:
        """True: each number is updated by itself. A subclass may do otherwise, and says so itself."""
        return type(self) is Sgd

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return "sgd"

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return velocities of zero; ``{}`` without momentum."""
        return filled("velocity", parameters) if self.momentum else {}

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters and velocities."""
        rate = step_size(self.learning_rate, step)
        add_decay(gradients, parameters, self.weight_decay, self.decay_biases)
        weights, velocities = {}, {}
        for name, weight in parameters.items():
            gradient, velocity = gradients[name], None
            if self.momentum:
                slot = f"velocity.{name}"
                velocity = velocities[slot] = self._velocity(state[slot], gradient, self.momentum)
            weights[name] = self._stepped(rate, weight, gradient, velocity)
        return frozen(weights), frozen(velocities)

    def _velocity(self, velocity: Floats, gradient: Floats, momentum: float) -> Floats:
        result: Floats = velocity * momentum
        result += gradient
        return result

    def _stepped(self, rate: float, weight: Floats, gradient: Floats, velocity: Floats | None) -> Floats:
        """Return the next weight in the gradient's memory: allocating a large array at every step is expensive."""
        if velocity is None:
            gradient *= rate
        elif self.nesterov:
            gradient += velocity * (self.momentum or 0.0)
            gradient *= rate
        else:
            np.multiply(velocity, rate, out=gradient)
        return stepped(weight, gradient)
