"""Is a checkpoint whole? Its parts, wherever they come from, must fit together, and fit the training that goes on.

A checksum says that a file is what was written, and not that what was written makes sense: a checkpoint may be edited,
made by hand, or be of another folder. What is taken for whole here can be trained on to the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array
from annex_actors.base.words import counted
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.training.checkpoint import Checkpoint, Evaluation, check_match


def check_whole(checkpoint: Checkpoint, initial: Checkpoint, lags: Sequence[int], trainer: TrainerSpec) -> None:
    """Refuse a checkpoint that no such training can have left.

    Args:
        checkpoint: of a training with the same identity, or a file that says so.
        initial: the same network before its first step.
        lags: by how many steps the weights lag that each layer meets.
        trainer: of the training.

    Raises:
        DataError: what does not fit.
    """
    for each in (checkpoint, checkpoint.best):
        if each is not None:
            check_costs(each)
            _check_history(each, trainer)
            _check_arrays(each, initial)
            _check_stash(each, initial, lags)


def check_costs(checkpoint: Checkpoint) -> None:
    """Raise DataError unless there is a finite cost for every step."""
    step, costs = checkpoint.step, checkpoint.costs
    if len(costs) != step:
        raise DataError(f"expected a cost for each of {counted(step, 'step')}, got {len(costs)}")
    for at, cost in enumerate(costs):
        if not _is_float(cost) or not math.isfinite(cost):
            raise DataError(f"expected the cost of step {at} to be a finite float, got {cost!r}")


def _check_history(checkpoint: Checkpoint, trainer: TrainerSpec) -> None:
    """Raise DataError unless the epochs are those of these steps; the last may be missing, its evaluation cut off."""
    steps, epochs = trainer.batches.steps_per_epoch, len(checkpoint.history)
    ended, rest = divmod(checkpoint.step, steps)
    if epochs != ended and not (epochs == ended - 1 and rest == 0):
        raise DataError(f"expected {counted(ended, 'finished epoch')} at step {checkpoint.step}, got {epochs}")
    for number, epoch in enumerate(checkpoint.history):
        expected = number, (number + 1) * steps, _train_cost(checkpoint.costs, number, trainer)
        got = epoch.epoch, epoch.steps, epoch.train_cost
        if got != expected or not (_is_whole(epoch.epoch) and _is_whole(epoch.steps) and _is_float(epoch.train_cost)):
            raise DataError(f"expected epoch {number} with (epoch, steps, train_cost) {expected}, got {got}")
        _check_evaluation(epoch)
    before = 0
    for each in checkpoint.evaluations:
        if not (_is_whole(each.steps) and before < each.steps <= checkpoint.step and _is_whole(each.epoch)):
            raise DataError(f"expected evaluations in the order of their steps, got one at step {each.steps!r}")
        before = each.steps
        _check_evaluation(each)


def _check_evaluation(epoch: Evaluation) -> None:
    """Raise DataError unless costs and metrics are numbers; they may be infinite."""
    costs, metrics, seconds = (epoch.test_cost, epoch.validation_cost), epoch.metrics, epoch.seconds
    if not _is_float(seconds) or not 0 <= seconds < math.inf:
        raise DataError(f"expected the seconds until epoch {epoch.epoch} to be a finite float >= 0, got {seconds!r}")
    is_mapping = isinstance(metrics, Mapping) and all(isinstance(name, str) for name in metrics)
    if not is_mapping or not all(map(_is_float, [*metrics.values(), *(each for each in costs if each is not None)])):
        raise DataError(f"expected an evaluation in numbers after epoch {epoch.epoch}, got {costs!r}, {metrics!r}")


def _is_float(value: object) -> bool:
    return isinstance(value, float | np.floating)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _train_cost(costs: Sequence[float], epoch: int, trainer: TrainerSpec) -> float:
    """Return the mean cost of an epoch, added up in the order in which the trainer does."""
    total, weights, steps = 0.0, 0.0, trainer.batches.steps_per_epoch
    for step in range(epoch * steps, (epoch + 1) * steps):
        weight = trainer.weight(step)
        total += costs[step] * weight
        weights += weight
    return total / weights


def _check_arrays(checkpoint: Checkpoint, initial: Checkpoint) -> None:
    """Raise DataError unless all weights and slots fit the network, and are finite where its own first ones are.

    A layer may keep infinities, in a mask; none may arise, since training would not have gone on with them.
    """
    if len(checkpoint.layers) != len(initial.layers):
        raise DataError(f"expected the state of {counted(len(initial.layers), 'layer')}, got {len(checkpoint.layers)}")
    parts = [
        ("weights", checkpoint.weights, initial.weights),
        ("optimizer slots", checkpoint.optimizer, initial.optimizer),
    ]
    for what, arrays, own in parts:
        check_match(what, arrays, own)
        _check_finite(what, arrays, own)


def _check_stash(checkpoint: Checkpoint, initial: Checkpoint, lags: Sequence[int]) -> None:
    """Raise DataError unless each layer with weights has the versions that later microbatches still meet."""
    stashes = checkpoint.stash or ((),) * len(initial.layers)
    for index, (layer, stash, lag) in enumerate(zip(initial.layers, stashes, lags, strict=True)):
        expected = min(lag, checkpoint.step)
        if layer.weights and len(stash) != expected:
            versions = counted(expected, "earlier version")
            raise DataError(f"expected {versions} of the weights of layer {index}, got {len(stash)}")
        for version in stash:
            check_match(f"earlier weights of layer {index}", version, layer.weights)
            _check_finite(f"earlier weights of layer {index}", version, layer.weights)


def _check_finite(what: str, arrays: Mapping[str, Array], own: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all() and np.isfinite(own[name]).all():
            raise DataError(f"expected {what} that are finite, got NaN or infinity in {name}")
