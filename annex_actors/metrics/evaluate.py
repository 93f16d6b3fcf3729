"""How good predictions are: accuracy for classes, the coefficient of determination for regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted


def preload() -> None:
    """Import scikit-learn's metrics early (1 s), so that the first evaluation does not pay for it.

    They are not imported with this module, so that commands that evaluate nothing do not pay either.
    """
    import sklearn.metrics  # noqa: F401 - for its effect


def evaluate(predictions: Floats, targets: Array, classes: Sequence[str] | None) -> Mapping[str, float]:
    """Return the metrics that fit the task, by name.

    Args:
        predictions: the network's predictions, shape ``(samples, outputs)`` or ``(samples,)``.
        targets: labels, shape ``(samples,)``; or numbers, as many as ``predictions``.
        classes: the names of the classes, or ``None`` for regression.

    Returns:
        ``{"accuracy": ...}`` for classes, ``{"r2": ...}`` for regression; ``{}`` if `r2` is undefined.

    Raises:
        ShapeError: predictions that do not fit the targets or the classes.
    """
    metrics = {"accuracy": accuracy(predictions, targets, classes)} if classes else {"r2": r2(predictions, targets)}
    return {name: value for name, value in metrics.items() if value is not None}


def accuracy(predictions: Floats, targets: Array, classes: Sequence[str] | None) -> float | None:
    """Return the fraction of samples that are classified correctly, in [0, 1]; ``None`` for regression.

    Args:
        predictions: a score for each class, shape ``(samples, classes)``: the largest decides. Or, for two classes, the
            probability of the second, shape ``(samples, 1)`` or ``(samples,)``: above 0.5 it is predicted.
        targets: labels, shape ``(samples,)``.
        classes: the names of the classes, or ``None`` for regression.

    Raises:
        ShapeError: predictions that do not fit the targets or the classes.
    """
    if classes is None:
        return None
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(targets, predicted_classes(predictions, len(targets), len(classes))))


def r2(predictions: Floats, targets: Array) -> float | None:
    """Return the coefficient of determination: 1 is perfect, 0 is as good as the mean; several outputs are averaged.

    It is undefined, and ``None``, for fewer than two samples or a prediction that is not finite.

    Raises:
        ShapeError: predictions and targets of different sizes.
    """
    if len(predictions) != len(targets) or predictions.size != targets.size:
        raise ShapeError(
            f"expected predictions of the targets' shape {targets.shape}, got {predictions.shape}; "
            "give the last layer an output for each target column"
        )
    if len(targets) < 2 or not np.isfinite(predictions).all():
        return None
    from sklearn.metrics import r2_score

    return float(r2_score(targets.reshape(len(targets), -1), predictions.reshape(len(targets), -1)))


def predicted_classes(predictions: Floats, samples: int, classes: int) -> Array:
    """Return the predicted class of each sample; see `accuracy`.

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
