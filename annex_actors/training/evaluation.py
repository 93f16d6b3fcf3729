"""Evaluate a trained network on samples, to the bits of an evaluation during training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.types import Parameters
from annex_actors.costs import check_takes_weights
from annex_actors.data import Dataset, Samples
from annex_actors.data.units import Units
from annex_actors.metrics import chosen, preload
from annex_actors.optimizers import Averaged
from annex_actors.peers.evaluation import evaluated
from annex_actors.peers.stage_state import LayerState
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.prediction import Predictions


def evaluated_on(
    spec: LearnerSpec,
    checkpoint: Checkpoint,
    classes: tuple[str, ...] | None,
    data: Dataset | Samples,
    predictions: Predictions,
    metrics: Sequence[str] | None = None,
    units: Units | None = None,
) -> dict[str, Any]:
    """Return the cost and the metrics of a network with these weights; see `Learner.evaluate`.

    Args:
        spec: the learner's settings.
        checkpoint: the weights.
        classes: their names, as in training; None for regression.
        data: a data set, of which the test samples count; or samples.
        predictions: computes the outputs.
        metrics: by name; None: those that fit the task.
        units: of the amounts that metrics compare; None: they are as the network learns them.
    """
    samples, named = _checked(data, classes), chosen(metrics, classes, numbers_only=False)
    preload(named)
    outputs = predictions.outputs(spec, checkpoint, samples.inputs)
    if samples.sample_weight is not None:
        check_takes_weights(spec.cost)
    encoded = spec.cost.encode(samples.targets, outputs.shape[1:])
    with np.errstate(all="ignore"):  # as in every actor
        penalty = _penalty(spec, checkpoint)
        cost, values = evaluated(
            spec.cost, outputs, samples, encoded, classes, penalty=penalty, metrics=named, units=units
        )
    return {"cost": cost, **values}


def _penalty(spec: LearnerSpec, checkpoint: Checkpoint) -> float:
    """Return what the weights cost, added up in the order of the layers, as the stages do."""
    layers = zip(spec.network.tuning, checkpoint.layers, strict=False)  # no tuning: no penalties
    own = (tuning.penalty(_used(spec, layer)) for tuning, layer in layers if tuning.penalizes)
    return reduce(add, own, 0.0)  # not `sum`, which rounds in its own way


def _used(spec: LearnerSpec, layer: LayerState) -> Parameters:
    optimizer = spec.stage_optimizer
    if not isinstance(optimizer, Averaged):
        return layer.parameters
    return optimizer.averages(layer.parameters, layer.optimizer)


def _checked(data: Dataset | Samples, classes: tuple[str, ...] | None) -> Samples:
    if isinstance(data, Samples):
        are_labels = data.targets.dtype.kind == "i"
        if are_labels != (classes is not None):
            wanted = "numbers, as in training" if classes is None else f"labels from 0 to {len(classes) - 1}"
            raise DataError(f"expected targets that are {wanted}, got {data.targets.dtype}; convert them")
        return data
    checks.instance("data", data, Dataset, 'a data set such as load("iris"), or samples')
    if data.classes != classes:
        raise DataError(f"expected data of the classes that were trained, {shown(classes)}, got {shown(data.classes)}")
    return data.test
