"""Samples: what a network is trained or tested on. Every array is checked here once, and is then read-only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.arrays import as_array, finite_floats, integers, sample_weights
from annex_actors.data.labels import is_labels
from annex_actors.data.order import sample_order
from annex_actors.data.sources.stored import as_inputs, checked_inputs, selected
from annex_actors.data.split import split_indices


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and their targets, row by row; C-contiguous and read-only.

    Args:
        inputs: finite numbers, shape ``(samples, *input_shape)``; kept as float32. Those of `open_array` stay in their
            file: they have a shape, and ``inputs[rows]`` reads some of them.
        targets: class labels, integers of shape ``(samples,)``, kept as int64; or, for regression, numbers of shape
            ``(samples,)`` or ``(samples, outputs)``, kept as float32.
        sample_weight: what each sample counts in the cost, >= 0, shape ``(samples,)``, kept as float64; costs are means
            over these weights, so only their ratios matter. None: all count the same.

    Raises:
        DataError: no samples; inputs and targets of different lengths; a wrong shape or type, or a number that is not
            finite. Rows and columns in the message count from 0.
    """

    inputs: Floats
    targets: Array
    sample_weight: Floats | None = None

    def __post_init__(self) -> None:
        inputs, targets = as_inputs(self.inputs), as_array(self.targets, "targets")
        _check_shapes(inputs, targets)
        labels = targets.dtype.kind in "biu"
        object.__setattr__(self, "inputs", checked_inputs(inputs))
        object.__setattr__(self, "targets", integers(targets) if labels else finite_floats(targets, "targets"))
        if self.sample_weight is not None:
            given = as_array(self.sample_weight, "sample_weight")
            object.__setattr__(self, "sample_weight", sample_weights(given, len(inputs)))

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        kind = "labels" if self.targets.dtype == np.int64 else "targets"
        what = f"{kind} of shape {self.targets.shape[1:]}{', weighted' if self.sample_weight is not None else ''}"
        return f"Samples({len(self):,} of shape {self.inputs.shape[1:]}, {what})"

    def randomize(self, *, seed: int = 0) -> Samples:
        """Return the samples in a random order, a function of the seed; a training draws one for each epoch itself.

        Args:
            seed: >= 0.

        Raises:
            ConfigError: ``seed`` is not such an integer.
        """
        return rows_of(self, sample_order(len(self), checks.whole_number("seed", seed, at_least=0, below=2**64), 0))

    def split(self, fraction: float, *, seed: int = 0) -> tuple[Samples, Samples]:
        """Return two random parts, each in the order of the samples; labels are stratified, so each class is in both.

        Args:
            fraction: of the samples in the first part, in (0, 1); each part has at least one.
            seed: >= 0; the parts depend on the seed and the labels alone.

        Raises:
            ConfigError: ``fraction`` or ``seed`` out of range.
            DataError: there is only one sample.
        """
        checks.real_number("fraction", fraction, above=0, below=1)
        labels = self.targets if self.targets.dtype == np.int64 else None
        rest, first = split_indices(len(self), labels, test_fraction=fraction, seed=seed, number=2)
        return rows_of(self, first), rows_of(self, rest)


def rows_of(samples: Samples, indices: Array) -> Samples:
    """Return the samples at these indices."""
    weights = None if samples.sample_weight is None else samples.sample_weight[indices]
    return Samples(selected(samples.inputs, indices), samples.targets[indices], weights)


def _check_shapes(inputs: Array, targets: Array) -> None:
    if inputs.ndim < 2 or 0 in inputs.shape[1:]:
        raise DataError(
            f"expected inputs of shape (samples, features, ...), got {inputs.shape}; give every sample a row of numbers"
        )
    if is_labels(targets) and targets.ndim != 1:
        raise DataError(f"expected labels of shape (samples,), got {targets.shape}; give every sample one label")
    if targets.ndim not in (1, 2) or 0 in targets.shape[1:]:
        raise DataError(
            f"expected targets of shape (samples,) or (samples, outputs), got {targets.shape}; reshape them"
        )
    if len(inputs) != len(targets):
        raise DataError(
            f"expected a target for each of {counted(len(inputs), 'input')}, got {len(targets)}; drop the odd rows"
        )
    if len(inputs) == 0:
        raise DataError("expected at least 1 sample, got 0; check that the file or the selection is not empty")
