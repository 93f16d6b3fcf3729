"""How good predictions are, by the metrics that were chosen, or by those that fit the task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.metrics.table import METRICS, Metric, Takes, metric

_OWN = {"accuracy"}
"""What is computed without scikit-learn: the default of classifiers, most of which need nothing else of it."""


def preload(names: Iterable[str]) -> None:
    """Import scikit-learn's metrics early (1 s) if some of these need them: the first evaluation would pay for it."""
    if not _OWN.issuperset(names):
        import sklearn.metrics  # noqa: F401 - for its effect


def chosen(
    names: Iterable[str] | None, classes: Sequence[str] | None, *, numbers_only: bool = True
) -> Mapping[str, Metric]:
    """Return metrics by their texts; by default those that fit the task, ``accuracy`` or ``r2``.

    Args:
        names: such as ``["accuracy", "f1", "top_k_accuracy:3"]``; None for the default.
        classes: the names of the classes, or ``None`` for regression.
        numbers_only: whether each has to be a number, as in the history of a training.

    Raises:
        ConfigError: an unknown metric, one of another task, or one that is no number.
    """
    if names is None:
        return {name: metric(name) for name in (["accuracy"] if classes else ["r2"])}
    found = {name: metric(name) for name in checks.several("metrics", names, "a list of names such as f1")}
    for name, each in found.items():
        if (each.takes is Takes.NUMBERS) == (classes is not None):
            fitting = [other for other in METRICS if (metric(other).takes is Takes.NUMBERS) == (classes is None)]
            task = "classes" if classes else "regression"
            raise ConfigError(f"expected `metrics` of {task}, such as {', '.join(fitting)}, got {shown(name)}")
        if numbers_only and each.mode is None:
            raise ConfigError(
                f"expected `metrics` that are numbers, got {shown(name)}; after the training ask "
                f"learner.evaluate(data, metrics=[{name!r}])"
            )
    return found


def evaluate(
    predictions: Floats, targets: Array, classes: Sequence[str] | None, metrics: Mapping[str, Metric] | None = None
) -> Mapping[str, Any]:
    """Return metrics by name; those that are undefined are left out.

    Args:
        predictions: the network's predictions, shape ``(samples, outputs)`` or ``(samples,)``.
        targets: labels, shape ``(samples,)``; or numbers, as many as ``predictions``.
        classes: the names of the classes, or ``None`` for regression.
        metrics: by name, see `chosen`; None: those that fit the task.

    Returns:
        By default ``{"accuracy": ...}`` for classes, ``{"r2": ...}`` for regression; ``{}`` if R2 is undefined.

    Raises:
        ShapeError: predictions that do not fit the targets or the classes.
    """
    named = chosen(None, classes) if metrics is None else metrics
    if classes is None:
        given = {Takes.NUMBERS: _numbers(predictions, targets)}
        targets = targets.reshape(len(targets), -1)
        if not np.isfinite(predictions).all():
            return {}
    else:
        labels = predicted_classes(predictions, len(targets), len(classes))
        given = {Takes.LABELS: labels, Takes.SCORES: _scores(predictions)}
    values = {name: each.score(targets, given[each.takes]) for name, each in named.items()}
    return {
        name: value if named[name].mode is None else float(value) for name, value in values.items() if value is not None
    }


def predicted_classes(predictions: Floats, samples: int, classes: int) -> Array:
    """Return the predicted class of each sample.

    Args:
        predictions: a score for each class, shape ``(samples, classes)``: the largest decides. Or, for two classes, the
            probability of the second, shape ``(samples, 1)`` or ``(samples,)``: above 0.5 it is predicted.
        samples: how many there are.
        classes: how many there are.

    Returns:
        Labels, int64, shape ``(samples,)``.

    Raises:
        ShapeError: predictions of shape neither ``(samples, classes)`` nor, for two classes, ``(samples, 1)``.
    """
    outputs = predictions[:, np.newaxis] if predictions.ndim == 1 else predictions
    if outputs.shape == (samples, classes):
        largest: Array = np.argmax(outputs, axis=1)
        return largest
    if outputs.shape == (samples, 1) and classes == 2:
        return (outputs[:, 0] > 0.5).astype(np.int64)
    raise ShapeError(
        f"expected predictions of shape ({samples}, {classes}), an output for each class, got {predictions.shape}; "
        f"give the last layer {counted(classes, 'output')}"
    )


def _scores(predictions: Floats) -> Floats:
    """Return a score for each class; of a single probability also its complement."""
    if predictions.ndim == 2 and predictions.shape[1] > 1:
        return predictions
    yes = predictions.reshape(-1, 1)
    both: Floats = np.concatenate([1 - yes, yes], axis=1)
    return both


def _numbers(predictions: Floats, targets: Array) -> Floats:
    if len(predictions) != len(targets) or predictions.size != targets.size:
        raise ShapeError(
            f"expected predictions of the targets' shape {targets.shape}, got {predictions.shape}; "
            "give the last layer an output for each target column"
        )
    return predictions.reshape(len(targets), -1)
