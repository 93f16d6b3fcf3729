"""Convert the user's arrays to arrays that can be trusted: finite numbers, of one dtype, read-only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats, is_writable


def as_array(values: ArrayLike, what: str) -> Array:
    """Return ``values`` as an array; an array of Python objects, such as text, gets the objects' own type.

    Args:
        values: an array, or nested sequences.
        what: what the values are, for error messages, such as ``inputs``.

    Raises:
        DataError: rows of different lengths.
    """
    try:
        array = np.asarray(values)
        return np.asarray(array.tolist()) if array.dtype.kind == "O" else array
    except ValueError as error:
        raise DataError(f"expected {what} with rows of one length, got {type(values).__name__} with several") from error


def finite_floats(array: Array, what: str, *, first_row: int = 0) -> Floats:
    """Return ``array`` as float32, C-contiguous and read-only.

    Args:
        array: of numbers.
        what: what they are, for error messages.
        first_row: the number of its first row, where it is a part of a larger array.

    Raises:
        DataError: not numbers, or a number that is not finite as float32; the message gives its index, from 0.
    """
    if array.dtype.kind not in "biuf":
        raise DataError(f"expected {what} to be numbers, got an array of {array.dtype}; convert them first")
    with np.errstate(over="ignore"):  # what overflows float32 is reported below, with its index
        floats: Floats = _read_only(array, np.float32)
    if not np.isfinite(floats).all():
        raise DataError(_first_bad(array, floats, what, first_row))
    return floats


def sample_weights(array: Array, samples: int) -> Floats:
    """Return what each of so many samples counts as float64, C-contiguous and read-only.

    Raises:
        DataError: another shape, not numbers, none above 0, or a number that is below 0 or not finite as float32; the
            message gives its row, from 0.
    """
    if array.dtype.kind not in "biuf" or array.shape != (samples,):
        raise DataError(
            f"expected sample_weight to be numbers of shape ({samples},), one for each sample, "
            f"got {array.dtype} of shape {array.shape}"
        )
    bad = np.flatnonzero(~((array >= 0) & (array <= np.finfo(np.float32).max)))
    if len(bad):
        raise DataError(
            f"expected sample_weight to be finite numbers >= 0, got {array[bad[0]]} in row {bad[0]}; "
            "0 leaves a sample out"
        )
    if not array.any():
        raise DataError("expected a sample_weight above 0, got zeros; nothing could be learned")
    return _read_only(array, np.float64)


def integers(array: Array) -> Array:
    """Return an array of integers as int64, C-contiguous and read-only."""
    return _read_only(array, np.int64)


def _first_bad(array: Array, floats: Floats, what: str, first_row: int) -> str:
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
    place = f"row {first_row + index[0]}" + (f", column {', '.join(map(str, index[1:]))}" if index[1:] else "")
    return f"expected {what} to be finite float32 numbers, got {array[index]} in {place}; correct or remove that row"


def _read_only(array: Array, dtype: DTypeLike) -> Array:
    """Return a converted copy; or ``array`` itself, if it needs no conversion and its memory is read-only."""
    converted = array.astype(dtype, order="C", copy=is_writable(array))
    converted.flags.writeable = False
    return converted
