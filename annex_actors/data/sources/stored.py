"""What takes the place of an array of inputs where that stays in files: it gives rows, and never the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import NoReturn, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from annex_actors.base import checks
from annex_actors.base.described import blocks_text
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import memory
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, DType, Floats, Shape
from annex_actors.data.arrays import as_array, finite_floats

FLOAT32: DType = np.dtype(np.float32)
"""In which samples are kept."""

BLOCK = 4 * 2**20
"""Bytes that are read at once where all rows are read in their order."""


@runtime_checkable
class Source(Protocol):
    """Rows in files: a small value that says where they are, and that can be sent to another process.

    Rows do not change. A source reads the same numbers each time, or raises.
    """

    @property
    def shape(self) -> Shape:
        """``(samples, *input_shape)``."""

    @property
    def dtype(self) -> DType:
        """Of the rows that are read."""

    @property
    def place(self) -> str:
        """The path of the file or folder, perhaps with what is read there."""

    def read(self, rows: NDArray[np.int64]) -> Array:
        """Return rows by their numbers, as a fresh array of shape ``(rows, *input_shape)``.

        Raises:
            DataError: the files have changed or cannot be read; the message names the file.
        """


@dataclass(frozen=True, eq=False)
class StoredInputs:
    """Inputs that stay in files; it has what the engine asks of an array, and no other method of one.

    ``inputs[10:20]`` and ``inputs[indices]`` read rows, and are fresh arrays of ``dtype``.

    Args:
        source: reads the rows.
        rows: which of its rows these are, in their order; None: all of them.
        dtype: to which numbers are converted, after float32, in which samples are kept.
        is_checked: whether all numbers of the source are known to be finite as float32.

    Raises:
        ConfigError: an argument of another kind, or a row that the source does not have.
    """

    source: Source
    rows: NDArray[np.int64] | None = None
    dtype: DType = FLOAT32
    is_checked: bool = False

    def __post_init__(self) -> None:
        wanted = "a source of rows, with shape, dtype, place and read(rows); open_array makes one"
        source = checks.instance("source", self.source, Source, wanted)
        checks.keep(
            self,
            rows=None if self.rows is None else _checked_rows(self.rows, source.shape[0]),
            dtype=checks.floating("dtype", self.dtype),
            is_checked=checks.boolean("is_checked", self.is_checked),
        )

    def __len__(self) -> int:
        return self.source.shape[0] if self.rows is None else len(self.rows)

    def __repr__(self) -> str:
        return f"StoredInputs({self.shape} in {self.source.place})"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NoReturn:
        """Refuse to be read as a whole by mistake.

        Raises:
            DataError: always.
        """
        raise DataError(
            f"expected an array in memory, got inputs that stay in {self.source.place}; "
            "take some rows of them, as inputs[:100], or load them with in_memory=True"
        )

    @property
    def shape(self) -> Shape:
        """``(samples, *input_shape)``."""
        return (len(self), *self.source.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes, with that of the samples."""
        return len(self.source.shape)

    def __getitem__(self, index: slice | NDArray[np.int64]) -> Floats:
        """Read rows.

        Raises:
            DataError: see `Source.read`.
        """
        with np.errstate(over="ignore"):  # what overflows float32 has been found by `checked`
            return self._read(index).astype(FLOAT32, copy=False).astype(self.dtype, copy=False)

    def checked(self) -> StoredInputs:
        """Return the same inputs once all their numbers have been read and found to be finite as float32.

        Raises:
            DataError: not numbers, or one that is not finite; the message gives its row and column, from 0.
        """
        if self.is_checked:
            return self
        if self.source.dtype.kind not in "biu":  # whole numbers are finite
            for start, stop in self.bounds():
                finite_floats(self._read(slice(start, stop)), "inputs", first_row=start)
        return replace(self, is_checked=True)

    def blocks(self) -> Iterator[Floats]:
        """Read all rows in their order, in blocks of a few megabytes."""
        return (self[start:stop] for start, stop in self.bounds())

    def bounds(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each block, and the one after its last."""
        size = max(1, BLOCK // max(1, prod(self.shape[1:]) * FLOAT32.itemsize))
        return ((start, min(start + size, len(self))) for start in range(0, len(self), size))

    @cached_property
    def text(self) -> str:
        """The `array_text` of the array of all rows, computed in one pass that holds a block at a time."""
        return blocks_text(self.dtype, self.shape, self.blocks())

    def _read(self, index: slice | NDArray[np.int64]) -> Array:
        if isinstance(index, slice):
            chosen = np.arange(*index.indices(len(self))) if self.rows is None else self.rows[index]
        else:
            chosen = np.asarray(index) if self.rows is None else self.rows[index]
        found = self.source.read(chosen)
        if not isinstance(found, np.ndarray) or found.shape != (len(chosen), *self.source.shape[1:]):
            wanted = f"rows of shape {(len(chosen), *self.source.shape[1:])}"
            raise DataError(f"expected {self.source.place} to give {wanted}, got {shown(found)}")
        return found


def _checked_rows(rows: object, count: int) -> NDArray[np.int64]:
    array = rows if isinstance(rows, np.ndarray) else np.empty(0)
    if array.ndim != 1 or array.dtype.kind not in "iu" or (len(array) and not 0 <= array.min() <= array.max() < count):
        raise ConfigError(f"expected `rows` to be an array of integers from 0 to {count - 1}, got {shown(rows)}")
    return array.astype(np.int64, copy=False)


def are_large(numbers: int) -> bool:
    """Return whether so many numbers should stay in their files: more than a quarter of this machine's memory.

    While they are read, converted and split, four times as much is taken.
    """
    return numbers * FLOAT32.itemsize > memory() // 4


def stored(inputs: object) -> StoredInputs | None:
    """Return inputs that stay in files; None for an array in memory."""
    return inputs if isinstance(inputs, StoredInputs) else None


def as_inputs(values: ArrayLike | StoredInputs) -> Array:
    """Return inputs as an array; those that stay in files as they are, to be used for their shape and rows alone."""
    if isinstance(values, StoredInputs):
        return _in_place_of_array(values)
    return as_array(values, "inputs")


def checked_inputs(inputs: Array) -> Floats:
    """Return inputs that are finite numbers, in memory or in files.

    Raises:
        DataError: see `finite_floats`.
    """
    found = stored(inputs)
    return finite_floats(inputs, "inputs") if found is None else _in_place_of_array(found.checked())


def selected(inputs: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return some rows of inputs; of those in files, without reading them."""
    found = stored(inputs)
    if found is None:
        return inputs[rows]
    return _in_place_of_array(replace(found, rows=rows if found.rows is None else found.rows[rows]))


def converted(inputs: Floats, dtype: DType) -> Floats:
    """Return inputs of a dtype; those of that dtype, and those in files, are not copied."""
    found = stored(inputs)
    return inputs.astype(dtype, copy=False) if found is None else _in_place_of_array(replace(found, dtype=dtype))


def _in_place_of_array(inputs: StoredInputs) -> Floats:
    """Return the same, typed as the array that it stands for: nearly all inputs are arrays, and used as such."""
    return cast(Floats, inputs)
