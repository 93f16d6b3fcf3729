"""Labels and targets, checked before anything starts: a shape that fits by broadcasting only is an error."""

from __future__ import annotations

import numpy as np

from annex_actors.base.errors import DataError, ShapeError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.base.words import counted

_ROUNDING = 1e-4
"""How far the sum of a row of probabilities may be from 1."""


def check_classes(output_shape: Shape, name: str, otherwise: str) -> None:
    """Refuse outputs that are not one for each of several classes, for the cost of this name.

    Raises:
        ShapeError: ``output_shape`` is not ``(classes,)`` with at least two classes; ``otherwise`` says what to take.
    """
    if len(output_shape) != 1 or output_shape[0] < 2:
        raise ShapeError(
            f"expected outputs of shape (classes,) with at least 2 classes for {name}, got {output_shape}; "
            f"{otherwise}, and put flatten() before the last dense layer"
        )


def classes(labels: Array, count: int) -> Array:
    """Return class labels as int64, shape ``(samples,)``.

    Args:
        labels: integers from 0 to count - 1, shape ``(samples,)``; or one-hot rows, shape ``(samples, count)``.
        count: the number of classes, which is the number of the network's outputs.

    Raises:
        DataError: labels of any other shape, or a label that is not such an integer.
    """
    labels = _numbers(labels)
    if labels.ndim == 2 and labels.shape[1] == count:
        return _from_one_hot(labels)
    if labels.ndim != 1:
        raise DataError(
            f"expected class labels of shape (samples,) or one-hot rows of shape (samples, {count}), got {labels.shape}"
        )
    if (labels != np.trunc(labels)).any():
        raise DataError(f"expected class labels to be integers, got {labels[labels != np.trunc(labels)][0]}")
    if labels.size and not (labels.min() >= 0 and labels.max() < count):
        outside = labels[(labels < 0) | (labels >= count)][0]
        raise DataError(
            f"expected class labels 0 to {count - 1} for {counted(count, 'output')}, got {outside}; "
            "number the classes from 0, or give the last layer more outputs"
        )
    return labels.astype(np.int64)


def numbers(targets: Array, output_shape: Shape) -> Floats:
    """Return targets as floats, shape ``(samples, *output_shape)``.

    Args:
        targets: of that shape; or ``(samples,)`` for one output; or integer class labels ``(samples,)`` for several
            outputs, which become one-hot float32 rows. Other floats keep their dtype, other integers become float64.
        output_shape: the shape of one sample's outputs.

    Raises:
        DataError: targets of any other shape, NaN, infinity, or a class out of range.
    """
    targets = _numbers(targets)
    if targets.ndim == 1 and len(output_shape) == 1 and output_shape[0] > 1 and targets.dtype.kind in "biu":
        return np.eye(output_shape[0], dtype=np.float32)[classes(targets, output_shape[0])]
    if targets.ndim == 1 and output_shape == (1,):
        targets = targets.reshape(-1, 1)
    if targets.shape[1:] != output_shape or targets.ndim == 0:
        wanted, count = ", ".join(["samples", *map(str, output_shape)]), targets.shape[1] if targets.ndim == 2 else 1
        is_flat = len(output_shape) == 1 and targets.ndim in (1, 2)
        cure = f"give the last layer {counted(count, 'output')}" if is_flat else "reshape them"
        raise DataError(
            f"expected targets of shape ({wanted}) for outputs of shape {output_shape}, got {targets.shape}; {cure}"
        )
    return targets if targets.dtype.kind == "f" else targets.astype(np.float64)


def probabilities(targets: Array, output_shape: Shape, name: str) -> Floats:
    """Return targets from 0 to 1 as `numbers` does, for the cost of this name.

    Raises:
        DataError: as `numbers`, or a target outside [0, 1].
    """
    encoded = numbers(targets, output_shape)
    outside = encoded[(encoded < 0) | (encoded > 1)]
    if outside.size:
        raise DataError(f"expected targets from 0 to 1 for {name}, got {outside[0]:g}")
    return encoded


def distributions(targets: Array, count: int) -> Floats:
    """Return rows of probabilities as floats, shape ``(samples, count)``, with labels as one-hot rows.

    Raises:
        DataError: as `numbers`; or a row that is no distribution: a number below 0, or a sum that is not 1.
    """
    encoded = numbers(targets, (count,))
    is_distribution = (encoded >= 0).all(axis=1) & (np.abs(encoded.sum(axis=1) - 1) <= _ROUNDING)
    if not is_distribution.all():
        raise DataError(
            "expected one-hot rows (a single 1, else 0), or rows of probabilities with the sum 1, "
            f"got row {int(np.argmin(is_distribution))} otherwise"
        )
    return encoded


def classes_or_probabilities(targets: Array, count: int) -> Array:
    """Return class labels as `classes` does; or, for rows that are not all one-hot, probabilities as `distributions`.

    Raises:
        DataError: targets that are neither.
    """
    given = _numbers(targets)
    if given.ndim == 2 and given.shape[1] == count and not _is_one_hot(given).all():
        return distributions(given, count)
    return classes(given, count)


def _numbers(values: Array) -> Array:
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise DataError(f"expected labels or targets to be numbers, got dtype {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0]) if values.ndim else 0
        raise DataError(f"expected labels or targets to be finite, got NaN or infinity in row {row}")
    return values


def _from_one_hot(rows: Array) -> Array:
    is_one_hot = _is_one_hot(rows)
    if not is_one_hot.all():
        raise DataError(f"expected one-hot rows (a single 1, else 0), got row {int(np.argmin(is_one_hot))} otherwise")
    labels: Array = rows.argmax(axis=1).astype(np.int64)
    return labels


def _is_one_hot(rows: Array) -> Array:
    """Return for each row whether it is a single 1, else 0."""
    found: Array = ((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)
    return found
