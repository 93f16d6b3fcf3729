"""The user's own arrays, as NumPy writes them: a data set in an ``.npz`` file, samples in an ``.npy`` file."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import memory, open_file, reading
from annex_actors.base.texts import listed
from annex_actors.base.types import Array, DType
from annex_actors.base.words import counted
from annex_actors.data.dataset import Dataset
from annex_actors.data.labels import check_classes, class_labels, flat_labels, is_labels
from annex_actors.data.pictures import scaled
from annex_actors.data.samples import Samples
from annex_actors.data.sources.array_file import NO_LIMIT, array_in, read_header
from annex_actors.data.sources.pictures import ScaledPixels
from annex_actors.data.sources.stored import are_large, as_inputs, stored

UNSPLIT = (("inputs", "targets"), ("x", "y"))
"""The names of inputs and targets in a file that `read_npz` splits."""

SPLIT = ("x_train", "y_train", "x_test", "y_test")
"""The names in a file that is already split."""

INPUTS = frozenset({"inputs", "x", "x_train", "x_test"})
"""The names of arrays that may stay in the file."""

WEIGHT = "sample_weight"
"""The name of the weights, in a file that is already split followed by ``_train`` or ``_test``."""

_MAGIC = b"\x93NUMPY"


def read_npz(path: str | Path, *, test_fraction: float = 0.2, seed: int = 0, in_memory: bool | None = None) -> Dataset:
    """Return the data set in an ``.npz`` file.

    The file holds ``inputs`` and ``targets``, or ``x`` and ``y``, which are then split; or ``x_train``, ``y_train``,
    ``x_test`` and ``y_test``. Inputs have the shape ``(samples, *input_shape)``. Integer or text targets are labels;
    floating-point targets are for regression. Inputs of bytes (uint8) with a height and a width are pixels, and become
    pixels / 255, unless all are 0 or 1. What each sample counts in the cost may be in ``sample_weight``; in a file that
    is split already, in ``sample_weight_train`` and ``sample_weight_test``. Pickled objects are refused.

    Args:
        path: the file.
        test_fraction: the fraction to test on, in [0, 1), if the file is not split already.
        seed: of the split, >= 0.
        in_memory: whether the inputs are kept in memory; if not, they are read from the file whenever they are used,
            with the same numbers. The file must not be compressed then, nor change meanwhile. Targets and weights are
            in memory in any case. None: unless the inputs would take more than a quarter of it.

    Raises:
        DataError: not an npz file, arrays of other names, or arrays that `Dataset` refuses; the message names the file.
        ConfigError: ``test_fraction`` or ``seed`` out of range.
    """
    path = checks.path("path", path)
    if in_memory is not None:
        checks.boolean("in_memory", in_memory)
    with reading(path):
        dataset = _dataset(path, _arrays(path, in_memory=in_memory), test_fraction, seed)
        check_classes(dataset.classes)
        return dataset


def _dataset(path: Path, arrays: dict[str, Array], test_fraction: float, seed: int) -> Dataset:
    if set(SPLIT) <= arrays.keys():
        return _from_split(path, arrays)
    for inputs, targets in UNSPLIT:
        if {inputs, targets} <= arrays.keys():
            (given,) = scaled_pixels(arrays[inputs])
            return Dataset.from_arrays(
                given,
                arrays[targets],
                sample_weight=arrays.get(WEIGHT),
                test_fraction=test_fraction,
                seed=seed,
                name=path.stem,
                source=f"{_source(path, given is not arrays[inputs])}, split seed {seed}",
            )
    raise DataError(
        f"expected arrays named inputs and targets, or x and y, or {', '.join(SPLIT)}, "
        f"got {listed(sorted(arrays)) or 'none'}; write it by numpy.savez(path, inputs=..., targets=...)"
    )


def _arrays(path: Path, *, in_memory: bool | None) -> dict[str, Array]:
    """Return the arrays by name; the inputs, where they stay in the file, as what takes their place."""
    how = "write it by numpy.savez(path, inputs=..., targets=...)"
    with open_file(path, limit=None if in_memory else NO_LIMIT) as file:
        if not zipfile.is_zipfile(file):
            raise DataError(f"expected an npz file, got something else; {how}")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as arrays:
                inputs = [name for name in arrays.files if name in INPUTS]
                in_memory = not _are_large(arrays.zip, inputs) if in_memory is None else in_memory
                stay = [] if in_memory else inputs
                _check_size(arrays.zip, without=stay)
                read = {name: np.asarray(arrays[name]) for name in arrays.files if name not in stay}
        except DataError:
            raise
        except Exception as error:  # NumPy and zipfile raise errors of every type where bytes are damaged
            raise DataError(
                f"expected arrays of numbers or text, got: {message_of(error)}; write the file again"
            ) from error
    return {**read, **{name: as_inputs(array_in(path, name)) for name in stay}}


def _are_large(archive: zipfile.ZipFile, names: Sequence[str]) -> bool:
    """Return whether inputs would take too much memory, and can be read from the file instead."""
    members = [archive.getinfo(f"{name}.npy") for name in names]
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        return False
    numbers = 0
    for member in members:
        with archive.open(member) as file:
            numbers += prod(read_header(file)[0])
    return are_large(numbers)


def _check_size(archive: zipfile.ZipFile, *, without: Collection[str]) -> None:
    """Raise DataError if the arrays, without some, do not fit into memory, whatever their compressed size is."""
    size = sum(each.file_size for each in archive.infolist() if each.filename.removesuffix(".npy") not in without)
    if size > memory():
        raise DataError(
            f"expected arrays that fit into {counted(memory(), 'byte')} of memory, got {size:,}; "
            "write fewer, or leave the inputs in the file: in_memory=False"
        )


def scaled_pixels(*inputs: Array) -> tuple[Array, ...]:
    """Return the inputs of a data set, pixels as numbers in [0, 1]; all others as they are.

    Args:
        inputs: of its parts. They are pixels if each is of bytes (uint8) and has a height and a width, and one is above
            1: truth values and one-hot positions, which are written in bytes too, are not.
    """
    is_picture = all(_written_as(part) == np.uint8 and part.ndim > 2 for part in inputs)
    if not is_picture or not any(_are_above_1(part) for part in inputs):
        return inputs
    return tuple(_scaled(part) for part in inputs)


def _written_as(inputs: Array) -> DType:
    found = stored(inputs)
    return inputs.dtype if found is None else found.source.dtype


def _are_above_1(inputs: Array) -> bool:
    found = stored(inputs)
    blocks = [inputs] if found is None else found.blocks()
    return any(block.max(initial=0) > 1 for block in blocks)


def _scaled(pixels: Array) -> Array:
    found = stored(pixels)
    return scaled(pixels) if found is None else as_inputs(replace(found, source=ScaledPixels(found.source)))


def read_npy(path: Path) -> Array:
    """Return the inputs in an ``.npy`` file, pixels as `read_npz` has them; pickled objects are refused.

    Raises:
        DataError: not an npy file, or an array of something else than numbers and text; the message names the file.
    """
    with reading(path), open_file(path) as file:
        magic = file.read(len(_MAGIC))
        if magic != _MAGIC:
            got = "an .npz file" if magic.startswith(b"PK") else "something else"
            raise DataError(f"expected an .npy file with one array, got {got}; write it by numpy.save")
        file.seek(0)
        try:
            array: Array = np.load(file, allow_pickle=False)
        except Exception as error:  # NumPy raises errors of every type where bytes are damaged
            raise DataError(
                f"expected an array of numbers, got: {message_of(error)}; write it by numpy.save"
            ) from error
        return scaled_pixels(array)[0]


def _from_split(path: Path, arrays: dict[str, Array]) -> Dataset:
    x_train, y_train, x_test, y_test = (arrays[name] for name in SPLIT)
    (x_train, x_test), raw = scaled_pixels(x_train, x_test), x_train
    classes: tuple[str, ...] | None = None
    if is_labels(y_train) and is_labels(y_test):
        y_train, y_test = flat_labels(y_train), flat_labels(y_test)
    if is_labels(y_train) and is_labels(y_test) and y_train.ndim == y_test.ndim == 1:
        labels, classes = class_labels(np.concatenate([y_train, y_test]))
        y_train, y_test = np.split(labels, [len(y_train)])
    train = _samples("train", x_train, y_train, arrays.get(f"{WEIGHT}_train"))
    test = _samples("test", x_test, y_test, arrays.get(f"{WEIGHT}_test"))
    return Dataset(path.stem, train, test, classes, None, _source(path, x_train is not raw))


def _source(path: Path, is_scaled: bool) -> str:
    return f"{path}, pixels / 255" if is_scaled else str(path)


def _samples(part: str, inputs: Array, targets: Array, sample_weight: Array | None) -> Samples:
    try:
        return Samples(inputs, targets, sample_weight)
    except DataError as error:
        raise DataError(f"x_{part}, y_{part}: {error}") from error
