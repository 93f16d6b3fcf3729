"""Settings to start from for the user's own data, by how many samples there are.

Measured on 13 sets with five seeds and splits each (``examples/benchmarks/README.md``): few samples need a small
network with much dropout, many a wider one. Early stopping was worse, since a tenth of few samples says little; weight
decay and falling learning rates gained less than they would explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from annex_actors.data import Dataset, Suggestion


@dataclass(frozen=True)
class _Size:
    """What suits so many samples.

    Args:
        units: of the hidden layer.
        dropout: how much of it is left out.
        learning_rate: of Adam.
    """

    units: int
    dropout: float
    learning_rate: float


_FEW, _SOME, _MANY = _Size(64, 0.5, 0.001), _Size(128, 0.3, 0.002), _Size(256, 0.1, 0.003)
_SAMPLES_OF_FEW, _SAMPLES_OF_MANY = 1000, 10_000

_SEEN, _LEAST_EPOCHS, _MOST_EPOCHS = 40_000, 20, 150
"""Few samples are seen so often in all, within these epochs."""

_PICTURE = 28
"""Pictures of more pixels a side are made smaller."""


def suggested_for(dataset: Dataset) -> Suggestion:
    """Return settings to start from: a hidden layer, and an output for each class or amount."""
    samples, shape = len(dataset.train), dataset.input_shape
    size = _size(samples, is_picture=len(shape) == 3)
    targets = dataset.train.targets
    outputs = len(dataset.classes) if dataset.classes else targets.shape[-1] if targets.ndim > 1 else 1
    words = [*_flat(shape), f"dense:{size.units}", "relu", f"dropout:{size.dropout}", f"dense:{outputs}"]
    return Suggestion(
        layers=" ".join(words),
        cost="softmax_cross_entropy" if dataset.classes else "mean_squared_error",
        optimizer="adam",
        learning_rate=size.learning_rate,
        batch_size=32 if size is not _MANY else min(256, max(64, 2 ** round(log2(samples / 250)))),
        epochs=_epochs(samples, size),
    )


def _size(samples: int, *, is_picture: bool) -> _Size:
    if samples >= _SAMPLES_OF_MANY:
        return _MANY
    return _SOME if samples >= _SAMPLES_OF_FEW or is_picture else _FEW


def _epochs(samples: int, size: _Size) -> int:
    if size is _FEW:
        return min(_MOST_EPOCHS, max(_LEAST_EPOCHS, round(_SEEN / samples)))
    return 30 if size is _SOME else _LEAST_EPOCHS


def _flat(shape: tuple[int, ...]) -> list[str]:
    """Return the layers that make a row of numbers of each sample; pictures get mean 0 and variance 1 each."""
    if len(shape) == 1:
        return []
    if len(shape) != 3:
        return ["flatten"]
    pool = round(min(shape[:2]) / _PICTURE)
    return [*([f"avg_pool2d:{pool}"] if pool > 1 else []), "layer_norm:3", "flatten"]
