"""What an optimizer is: a pure function from one version of the weights to the next."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from annex_actors.base.types import Floats, Parameters


@runtime_checkable
class Optimizer(Protocol):
    """Settings, and the rule that makes version t + 1 of the weights from version t.

    Nothing is changed in place: a crash at any instruction leaves version t whole.

    To write your own optimizer, make a frozen dataclass with these three members;
    `annex_actors.testing.check_optimizer` tests it.
    """

    @property
    def name(self) -> str:
        """The optimizer's name, such as ``adam``."""

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return the optimizer's state before the first step: read-only arrays by name."""

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters and the next state: new read-only arrays with the old names, shapes and dtypes.

        The gradients are those of the whole step, already summed over its microbatches. What needs the gradients of all
        layers, such as clipping by their global norm, also belongs before the update.

        Args:
            step: the number of updates before, from 0.
            parameters: version t; read-only.
            gradients: dC/dparameters by name. The optimizer may overwrite these arrays and return them as the next
                version; the caller must not use them again.
            state: from `initial_state` or the previous update; read-only.
        """


@runtime_checkable
class Elementwise(Optimizer, Protocol):
    """An optimizer that updates each number of a parameter by itself, so that some rows can be updated alone.

    Its slots have the names and shapes of the parameters: ``mean.weight`` for ``weight``. Replicas of a stage then
    divide the update, and each keeps the slots of its own rows.
    """

    @property
    def is_elementwise(self) -> bool:
        """Whether that is so."""


def is_elementwise(optimizer: Optimizer) -> bool:
    """Return whether an optimizer says that rows can be updated alone."""
    return isinstance(optimizer, Elementwise) and optimizer.is_elementwise
