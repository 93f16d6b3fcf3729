"""The user's own arrays, in one ``.npz`` file as ``numpy.savez`` writes it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import DataError, message_of
from annex_actors.base.types import Array
from annex_actors.data.dataset import Dataset, Samples
from annex_actors.data.labels import check_classes, class_labels, is_labels
from annex_actors.data.reading import reading

UNSPLIT = (("inputs", "targets"), ("x", "y"))
"""The names of inputs and targets in a file that `read_npz` splits."""

SPLIT = ("x_train", "y_train", "x_test", "y_test")
"""The names in a file that is already split."""


def read_npz(path: str | Path, *, test_fraction: float = 0.2, seed: int = 0) -> Dataset:
    """Return the data set in an ``.npz`` file.

    The file holds ``inputs`` and ``targets``, or ``x`` and ``y``, which are then split; or ``x_train``, ``y_train``,
    ``x_test`` and ``y_test``. Inputs have the shape ``(samples, *input_shape)``. Integer or text targets are labels;
    floating-point targets are for regression. Pickled objects are refused.

    Args:
        path: the file.
        test_fraction: the fraction to test on, in [0, 1), if the file is not split already.
        seed: of the split, >= 0.

    Raises:
        DataError: not an npz file, arrays of other names, or arrays that `Dataset` refuses; the message names the file.
        ConfigError: ``test_fraction`` or ``seed`` out of range.
    """
    path = checks.path("path", path)
    with reading(path):
        dataset = _dataset(path, _arrays(path), test_fraction, seed)
        check_classes(dataset.classes)
        return dataset


def _dataset(path: Path, arrays: dict[str, Array], test_fraction: float, seed: int) -> Dataset:
    if set(SPLIT) <= arrays.keys():
        return _from_split(path, *(arrays[name] for name in SPLIT))
    for inputs, targets in UNSPLIT:
        if {inputs, targets} <= arrays.keys():
            return Dataset.from_arrays(
                arrays[inputs],
                arrays[targets],
                test_fraction=test_fraction,
                seed=seed,
                name=path.stem,
                source=f"{path}, split seed {seed}",
            )
    raise DataError(
        f"expected arrays named inputs and targets, or x and y, or {', '.join(SPLIT)}, "
        f"got {', '.join(sorted(arrays)) or 'none'}; write it by numpy.savez(path, inputs=..., targets=...)"
    )


def _arrays(path: Path) -> dict[str, Array]:
    if path.is_file() and not zipfile.is_zipfile(path):
        raise DataError(
            "expected an npz file, got something else; write it by numpy.savez(path, inputs=..., targets=...)"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except (ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"expected arrays of numbers or text, got: {message_of(error)}; write the file again"
        ) from error


def _from_split(path: Path, x_train: Array, y_train: Array, x_test: Array, y_test: Array) -> Dataset:
    classes: tuple[str, ...] | None = None
    if is_labels(y_train) and is_labels(y_test) and y_train.ndim == y_test.ndim == 1:
        labels, classes = class_labels(np.concatenate([y_train, y_test]))
        y_train, y_test = np.split(labels, [len(y_train)])
    train, test = _samples("train", x_train, y_train), _samples("test", x_test, y_test)
    return Dataset(path.stem, train, test, classes, None, str(path))


def _samples(part: str, inputs: Array, targets: Array) -> Samples:
    try:
        return Samples(inputs, targets)
    except DataError as error:
        raise DataError(f"x_{part}, y_{part}: {error}") from error
