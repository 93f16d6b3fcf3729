"""An optimizer that goes on after earlier steps, with the slots that they left."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.base.types import Floats, Parameters
from annex_actors.optimizers.optimizer import Optimizer


@dataclass(frozen=True)
class Continued:
    """An optimizer whose first step is number ``steps``: what depends on the step, as Adam's bias correction, goes on.

    Args:
        optimizer: makes the steps.
        steps: how many were made before, >= 0.
    """

    optimizer: Optimizer
    steps: int

    @property
    def name(self) -> str:
        """Optimizer and steps: no registered name, since a file that named the optimizer alone would forget them."""
        return f"{self.optimizer.name}+{self.steps}"

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return the optimizer's slots before any step."""
        return self.optimizer.initial_state(parameters)

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters and slots."""
        return self.optimizer.update(step + self.steps, parameters, gradients, state)
