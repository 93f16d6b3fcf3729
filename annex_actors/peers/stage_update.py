"""From a layer's gradients of a step to its next weights and optimizer slots.

The gradients are those of all microbatches, and of the penalties. They are clipped, for which the global norm has been
added up over all stages where it is needed; then the optimizer makes a step with its learning rate times the factors of
the layer and of the step, and keeps the averages of the weights if it is `Averaged`. Replicas of a stage may divide
this: then each updates its rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from annex_actors.base.types import Floats
from annex_actors.layers import Tuning
from annex_actors.optimizers import Averaged, Clipping, Optimizer, scaled
from annex_actors.peers.stage_division import Division
from annex_actors.peers.stage_state import LayerState, StageState, Weights


class Update:
    """How the layers of a stage are updated.

    Args:
        optimizer: of the run.
        tuning: how each layer learns; empty: all alike.
        clipping: how gradients are clipped; None: not at all.
        division: of the update among replicas; None: there is none.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        tuning: Sequence[Tuning],
        clipping: Clipping | None,
        division: Division | None = None,
    ) -> None:
        self._clipping = clipping
        self._division = division if division is not None and division.updates else None
        self._optimizer = optimizer
        self._factors = {offset: each.learning_rate for offset, each in enumerate(tuning) if each.learning_rate != 1}
        self._optimizers: dict[float, Optimizer] = {1.0: optimizer}

    def of(
        self,
        layer: int,
        before: LayerState,
        gradients: dict[str, Floats],
        step: int,
        *,
        rate_factor: float,
        global_norm: float | None,
    ) -> LayerState:
        """Return the next state of a layer, without what no gradient changes; of what is divided, the own rows.

        Args:
            layer: its index in the stage.
            before: its state.
            gradients: of the whole step; they are used up.
            step: from 0.
            rate_factor: what the learning rate of this step is multiplied by.
            global_norm: of the gradients of all layers, where clipping needs it.
        """
        if self._clipping is not None:
            self._clipping.clip(gradients, global_norm)
        parameters = before.parameters
        if self._division is not None:
            parameters, gradients = (self._division.own(layer, each) for each in (parameters, gradients))
        optimizer = self._with_factor(rate_factor * self._factors.get(layer, 1.0))
        return LayerState(*optimizer.update(step, parameters, gradients, before.optimizer), before.state)

    def predicting(self, state: StageState) -> Weights:
        """Return what to predict with: the newest weights, or their moving averages if the optimizer keeps them."""
        optimizer = self._optimizer
        if not isinstance(optimizer, Averaged):
            return state.weights
        return tuple({**optimizer.averages(layer.parameters, layer.optimizer), **layer.state} for layer in state.layers)

    def _with_factor(self, factor: float) -> Optimizer:
        found = self._optimizers.get(factor)
        if found is None:
            found = self._optimizers[factor] = scaled(self._optimizer, factor)
        return found
