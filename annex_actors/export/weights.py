"""The weights that a trained network predicts with."""

from __future__ import annotations

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Parameters
from annex_actors.optimizers import Averaged
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner


def trained(learner: Learner) -> Checkpoint:
    """Return a learner's weights.

    Raises:
        DataError: it has not been trained.
    """
    if learner.checkpoint is None:
        raise DataError("expected trained weights, got none; call train() first")
    return learner.checkpoint


def by_name(learner: Learner) -> dict[str, Array]:
    """Return what `predicting` returns by name, as `Checkpoint.weights`: ``0.weight``, ``0.bias`` and so on."""
    layers = enumerate(predicting(learner))
    return {f"{index}.{name}": array for index, own in layers for name, array in own.items()}


def predicting(learner: Learner) -> tuple[Parameters, ...]:
    """Return the parameters and the state of each layer by which a learner predicts: averages where it keeps some.

    Raises:
        DataError: it has not been trained.
    """
    layers, optimizer = trained(learner).layers, learner.spec.stage_optimizer
    if not isinstance(optimizer, Averaged):
        return tuple(layer.weights for layer in layers)
    return tuple({**optimizer.averages(layer.parameters, layer.optimizer), **layer.state} for layer in layers)
