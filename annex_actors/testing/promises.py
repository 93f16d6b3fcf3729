"""What the checkers share: arguments for calls, and the promises about arrays and gradients."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from annex_actors.base.errors import UserError
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Floats, Parameters, Shape
from annex_actors.layers import AnyLayer, Constructor, parse_layers

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
"""The floating dtypes that a network may have."""

_STEP = 1e-5
_COORDINATES = 200


def require(holds: object, otherwise: str) -> None:
    """Raise AssertionError with the line ``otherwise`` unless ``holds``; unlike ``assert``, also with ``python -O``."""
    if not holds:
        raise AssertionError(otherwise)


def require_kind(value: object, kind: type[Any]) -> None:
    """Raise AssertionError unless ``value`` is of a class, or has all members of a protocol; a class for it has not."""
    what = f"the class {value.__name__}; write {value.__name__}(...)" if isinstance(value, type) else shown(value)
    require(isinstance(value, kind) and not isinstance(value, type), f"expected a {kind.__name__}, got {what}")


def random(seed: int, shape: Shape, dtype: np.dtype[Any]) -> Floats:
    """Return standard normal numbers, read-only; those of float32 and float64 differ only by rounding."""
    return read_only(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def read_only(array: Array) -> Array:
    """Return a read-only copy of ``array``."""
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


@contextmanager
def unwritten(label: str, *arrays: Array) -> Iterator[None]:
    """Require that the block does not write to these read-only arrays."""
    before = [array.tobytes() for array in arrays]
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise AssertionError(f"{label} writes to an array that it was given; make a new one") from error
    require(before == [array.tobytes() for array in arrays], f"{label} changes an array that it was given")


def same_bits(one: Parameters, other: Parameters) -> bool:
    """Return whether both have the same names and the same bits."""
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def check_layout(label: str, array: Floats, shape: Shape, dtype: np.dtype[Any]) -> None:
    """Require this shape, this dtype, and C order."""
    require(array.shape == shape, f"expected {label} of shape {shape}, got {array.shape}")
    require(array.dtype == dtype, f"expected {label} of dtype {dtype}, got {array.dtype}")
    require(array.flags.c_contiguous, f"expected {label} to be C-contiguous, got strides {array.strides}")


def check_new(label: str, results: Parameters, given: Iterable[Array]) -> None:
    """Require that no result shares memory with an argument."""
    arrays = tuple(given)
    for name, result in results.items():
        taken = any(np.shares_memory(result, array) for array in arrays)
        require(not taken, f"{label} returns memory that it was given, as {name}; make a new array")


def check_versions(
    label: str, arrays: Parameters, *, like: Parameters, dtype: np.dtype[Any], writeable: bool = False
) -> None:
    """Require the names and shapes of ``like``, this dtype, and arrays that are writeable or read-only."""
    require(list(arrays) == list(like), f"expected {label} named {list(like)}, got {list(arrays)}")
    for name, array in arrays.items():
        check_layout(f"{label}, {name},", array, like[name].shape, dtype)
        wanted = "writeable" if writeable else "read-only"
        require(array.flags.writeable is writeable, f"expected {label}, {name}, to be {wanted}")


def differences(function: Callable[[Floats], float], at: Floats) -> dict[tuple[int, ...], float]:
    """Return central differences of ``function`` by coordinate; at evenly spaced ones where there are many."""
    stride = max(1, at.size // _COORDINATES)
    coordinates = [tuple(map(int, np.unravel_index(flat, at.shape))) for flat in range(0, at.size, stride)]

    def slope(where: tuple[int, ...]) -> float:
        return (function(_moved(at, where, _STEP)) - function(_moved(at, where, -_STEP))) / (2 * _STEP)

    return {where: slope(where) for where in coordinates}


def check_gradient(label: str, gradient: Floats, numeric: Mapping[tuple[int, ...], float]) -> None:
    """Require that a gradient agrees with central differences, to six digits."""
    for where, slope in numeric.items():
        require(
            abs(gradient[where] - slope) <= 1e-6 * (1 + abs(slope)),
            f"expected {label} to be {slope:.9g} at {where}, as central differences are, got {gradient[where]:.9g}",
        )


def check_text(layer: AnyLayer, constructors: Mapping[str, Constructor]) -> None:
    """Require a spec of one word, which `parse_layers` reads back as the layer, before and after pickling."""
    text = layer.spec()
    require(text.split() == [text], f"expected a spec without spaces, got {text!r}")
    require(text.partition(":")[0] == layer.name, f"expected a spec that begins with {layer.name!r}, got {text!r}")
    try:
        parsed = parse_layers(text, constructors).layers[0]
    except UserError as error:
        raise AssertionError(
            f"{text} is not read back by parse_layers: {error}; register_layer it, or give `constructors`"
        ) from error
    require(type(parsed) is type(layer) and parsed.spec() == text, f"{text} is read back by parse_layers as {parsed!r}")
    require(pickle.loads(pickle.dumps(layer)).spec() == text, f"{text} changes when it is pickled")


def _moved(at: Floats, where: tuple[int, ...], distance: float) -> Floats:
    moved = at.copy()
    moved[where] += distance
    return read_only(moved)
