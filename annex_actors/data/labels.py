"""Convert labels, as people write them, to class indices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import DataError
from annex_actors.base.texts import listed
from annex_actors.base.types import Array


def is_labels(targets: Array) -> bool:
    """Return whether ``targets`` are labels (text, integers, booleans) and not amounts (floats)."""
    return targets.dtype.kind in "biuUS"


def class_labels(values: Array) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the class index of every value, and the classes: the distinct values, sorted.

    Integers sort as numbers, text as text.

    Args:
        values: text or integers, of any shape.

    Returns:
        Indices of the same shape, and ``str`` of every class in the order of its index.
    """
    classes, indices = np.unique(values, return_inverse=True)
    return indices.reshape(values.shape).astype(np.int64), tuple(str(value) for value in classes.tolist())


def flat_labels(values: Array) -> Array:
    """Return labels of shape ``(samples,)``, from these, from a column of them, or from one-hot rows of integers.

    Raises:
        DataError: several labels for a sample that are no one-hot row.
    """
    if values.ndim != 2 or 0 in values.shape:
        return values
    if values.shape[1] == 1:
        return values[:, 0]
    is_one_hot = values.dtype.kind in "biu" and bool(((values == 0) | (values == 1)).all())
    if is_one_hot and (values.sum(axis=1) == 1).all():
        hot: Array = values.argmax(axis=1)
        return hot
    raise DataError(
        f"expected labels of shape (samples,), or one-hot rows, got {values.dtype} of shape {values.shape}; "
        "for several outputs convert them: targets.astype(float)"
    )


def check_classes(classes: tuple[str, ...] | None) -> None:
    """Raise DataError if a classification has fewer than two classes; ``None`` (regression) passes."""
    if classes is not None and len(classes) < 2:
        raise DataError(f"expected at least 2 classes, got {len(classes)} ({listed(classes)}); check the label column")
