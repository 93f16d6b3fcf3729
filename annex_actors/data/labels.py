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


def check_classes(classes: tuple[str, ...] | None) -> None:
    """Raise DataError if a classification has fewer than two classes; ``None`` (regression) passes."""
    if classes is not None and len(classes) < 2:
        raise DataError(f"expected at least 2 classes, got {len(classes)} ({listed(classes)}); check the label column")
