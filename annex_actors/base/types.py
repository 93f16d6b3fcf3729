"""Types that every package shares, and a few functions on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown

Array: TypeAlias = NDArray[Any]
"""An array of any dtype; docstrings give shape and dtype."""

Floats: TypeAlias = NDArray[np.floating[Any]]
"""An array of the network's floating dtype, float32 by default."""

DType: TypeAlias = np.dtype[Any]
"""A network's dtype: float32 or float64."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of one sample, without the batch axis, such as ``(784,)`` or ``(28, 28)``."""

Parameters: TypeAlias = Mapping[str, Floats]
"""One layer's weights, gradients, optimizer slots or state, by name and in a fixed order."""


def uninitialized(size: int) -> memoryview:
    """Return ``size`` writable bytes without filling them with zeros first, as ``bytearray`` does."""
    return np.empty(size, np.uint8).data


def is_writable(array: Array) -> bool:
    """Return whether the memory of ``array`` is writable, through it or through an array that it is a view of."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return True
        owner = owner.base
    return False


def frozen(arrays: dict[str, Floats]) -> Parameters:
    """Mark the arrays read-only, in place, and return the same dict.

    Raises:
        ConfigError: something else than arrays by name.
    """
    for array in arrays.values() if isinstance(arrays, dict) else (None,):
        if not isinstance(array, np.ndarray):
            raise ConfigError(f"expected `arrays` to be a dict of arrays by name, got {shown(arrays)}")
        array.setflags(write=False)
    return arrays


_Class = TypeVar("_Class", bound=type)


def pickled_by_fields(cls: _Class) -> _Class:
    """Decorate a frozen dataclass with two or more fields so that it pickles as a call of its constructor.

    The default for dataclasses with slots runs several times as much Python code, for every message and every commit.
    """
    values = attrgetter(*(field.name for field in fields(cls)))
    setattr(cls, "__reduce__", lambda self: (cls, values(self)))  # noqa: B010 - mypy rejects the assignment
    return cls


def stored_directly(cls: _Class) -> _Class:
    """Decorate a frozen dataclass with slots so that its constructor takes six tenths of the time.

    The default finds every slot by its name, to store past the class's own refusal; this one calls the setters of the
    slots. An instance is as frozen as before. Defaults may be values, but no factories.
    """
    made: Any = cls.__init__  # type: ignore[misc]  # that of this very class
    code = made.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    positional, keywords = names[: code.co_argcount - 1], names[code.co_argcount - 1 :]
    parameters = ", ".join(("self", *positional, *(("*", *keywords) if keywords else ())))
    setters = {f"set_{name}": getattr(cls, name).__set__ for name in names}
    body = "; ".join(f"set_{name}(self, {name})" for name in names)
    body += "; self.__post_init__()" if hasattr(cls, "__post_init__") else ""
    exec(f"def __init__({parameters}): {body}", setters)  # as `dataclass` makes its own
    quick: Any = setters["__init__"]
    for name in ("__defaults__", "__kwdefaults__", "__annotations__", "__qualname__"):
        setattr(quick, name, getattr(made, name))
    setattr(cls, "__init__", quick)  # noqa: B010 - mypy rejects the assignment
    return cls


def made_often(cls: _Class) -> _Class:
    """Decorate a frozen dataclass with slots and two or more fields of which many are made and sent, as all messages.

    See `stored_directly` and `pickled_by_fields`.
    """
    return pickled_by_fields(stored_directly(cls))
