"""An exponential moving average of the weights, which an optimizer keeps beside them and predictions use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.optimizers.optimizer import Optimizer

_SLOT = "average."


@dataclass(frozen=True)
class Averaged:
    """An optimizer that also keeps ``average = momentum average + (1 - momentum) weight`` for each parameter.

    After the first step the average is the weight itself, as in Keras and in torch's ``AveragedModel``. It changes no
    step. Since it is a slot of the optimizer, ``average.weight`` for ``weight``, it is committed, saved and resumed as
    the others are.

    Args:
        optimizer: makes the steps.
        momentum: the fraction of the average that is kept, 0 <= momentum < 1.

    Source:
        Polyak, Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    optimizer: Optimizer
    momentum: float

    @property
    def name(self) -> str:
        """The name of the optimizer that makes the steps."""
        return self.optimizer.name

    @property
    def is_elementwise(self) -> bool:
        """False: each replica of a stage predicts, for which it needs all averages, and not those of its rows alone."""
        return False

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return the optimizer's slots, and averages that are the parameters."""
        return {**self.optimizer.initial_state(parameters), **{_SLOT + name: each for name, each in parameters.items()}}

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters, and the next slots and averages."""
        averages = {_SLOT + name: state[_SLOT + name] for name in parameters}
        own = {name: each for name, each in state.items() if name not in averages}
        weights, slots = self.optimizer.update(step, parameters, gradients, own)
        after = {slot: self._blended(step, averages[slot], weights[slot.removeprefix(_SLOT)]) for slot in averages}
        return weights, {**slots, **frozen(after)}

    def averages(self, parameters: Parameters, state: Parameters) -> Parameters:
        """Return the averages by the names of the parameters; of a frozen layer, which has none, the parameters."""
        return {name: state.get(_SLOT + name, each) for name, each in parameters.items()}

    def _blended(self, step: int, average: Floats, weight: Floats) -> Floats:
        if step == 0:
            return weight.copy()
        result: Floats = np.subtract(weight, average)
        result *= 1 - self.momentum
        result += average
        return result


def averaged(optimizer: Optimizer, ema_momentum: float | None) -> Optimizer:
    """Return an optimizer that keeps averages too; the optimizer itself if there is no momentum."""
    return optimizer if ema_momentum is None else Averaged(optimizer, ema_momentum)
