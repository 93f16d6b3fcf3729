"""What an optimizer is: a pure function from one version of the weights to the next."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from annex_actors.base.types import Floats, Parameters


@runtime_checkable
class Optimizer(Protocol):
    """Settings, and the rule that makes version t + 1 of the weights next to version t.

    Nothing is changed in place: a crash at any instruction leaves version t whole.

    An optimizer of your own is a frozen dataclass with these three members;
    `annex_actors.testing.check_optimizer` tests it.
    """

    @property
    def name(self) -> str:
        """The optimizer's name, such as ``adam``."""

    def initial_state(self, parameters: Parameters) -> Parameters:
        """Return what the optimizer remembers from step to step, before the first: read-only arrays by name."""

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        """Return the next parameters and the next state: new read-only arrays, named, shaped and typed as the old.

        The gradients are those of the whole step, finished: what an optimizer is not to know comes before, such as the
        sum over microbatches, or a scale that depends on the gradients of all layers (clipping by their global norm).

        Args:
            step: how many updates came before, from 0.
            parameters: version t; read-only.
            gradients: dC/dparameters by name; lost to the caller, since their memory serves as scratch, or holds the
                next version.
            state: as `initial_state` or the update before returned it; read-only.
        """
