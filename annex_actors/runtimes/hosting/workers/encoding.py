"""Messages as bytes, and their arrays beside them: pickled, but for the envelopes of every step.

To pickle a class is to import its module by name, once more for each message, and to unpickle it likewise. Where the
classes are known by number, and all else is numbers, text and arrays, a message of 128 KiB goes through a channel in
18 us and not in 26. An envelope that holds anything else, such as a message of the user's own class, is pickled.
"""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, cast

import numpy as np

from annex_actors.base.types import Array
from annex_actors.protocol.messages import (
    Address,
    Backward,
    Committed,
    Envelope,
    Forward,
    Message,
    Part,
    Predict,
    Report,
    Target,
)
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm

_KINDS: tuple[type[Message], ...] = (Forward, Backward, Target, Predict, Report, Committed, SquaredNorm, GlobalNorm)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_VALUES: tuple[Callable[[Any], tuple[Any, ...]], ...] = tuple(
    attrgetter(*(each.name for each in fields(kind))) for kind in _KINDS
)
_PLAIN = frozenset({int, float, str, type(None)})
_PART = attrgetter(*(each.name for each in fields(Part)))
_IS_ARRAY, _IS_PART, _IS_STACK = range(3)
_EMPTY = (_IS_STACK,)

_PICKLED = pickle.PROTO[0]
"""The first byte of what is pickled; what is not begins with another."""


class _NotPlain(Exception):
    """Says that an envelope must be pickled."""


def encoded(message: object, keep: Callable[[memoryview], object]) -> bytes:
    """Return a message as bytes, without its arrays.

    Args:
        message: whatever can be pickled.
        keep: called with the memory of each array, in order.
    """
    if message.__class__ is Envelope:
        assert isinstance(message, Envelope)
        number = _NUMBERS.get(message.message.__class__)
        body = None if number is None else _plainly(message, number, keep)
        if body is not None:
            return body
    return pickle.dumps(message, protocol=5, buffer_callback=lambda buffer: keep(buffer.raw()))


def decoded(body: bytes, arrays: Sequence[Array | memoryview | bytes]) -> Any:
    """Return the message, given the memory of its arrays in the same order."""
    if body[0] == _PICKLED:
        return pickle.loads(body, buffers=arrays)
    sender, incarnation, committed, number, values = marshal.loads(body)
    return Envelope(_address(sender), incarnation, committed, _KINDS[number](*_restored(values, iter(arrays))))


def _plainly(envelope: Envelope, number: int, keep: Callable[[memoryview], object]) -> bytes | None:
    """Return an envelope as bytes, without its arrays; None where it holds something else."""
    arrays: list[Array] = []
    try:
        values = _plain(_VALUES[number](envelope.message), arrays)
    except _NotPlain:
        return None
    for array in arrays:
        keep(pickle.PickleBuffer(cast(Any, array)).raw())
    return marshal.dumps((tuple(envelope.sender), envelope.incarnation, envelope.committed, number, values))


def _plain(values: Iterable[Any], arrays: list[Array]) -> list[Any]:
    """Return values as numbers and text, and tuples of these in place of anything else; collect the arrays.

    Raises:
        _NotPlain: something else is among them.
    """
    plain = list(values)
    for index, each in enumerate(plain):
        if each.__class__ not in _PLAIN:
            plain[index] = _stand_in(each, arrays)
    return plain


def _stand_in(value: Any, arrays: list[Array]) -> tuple[Any, ...]:
    kind = value.__class__
    if kind is np.ndarray and value.flags.c_contiguous and value.dtype.isbuiltin == 1 and not value.dtype.hasobject:
        arrays.append(value)
        return _IS_ARRAY, value.dtype.str, value.shape
    if kind is Part:
        return _IS_PART, *_plain(_PART(value), arrays)
    if kind is tuple:
        return (_IS_STACK, *_plain(value, arrays)) if value else _EMPTY
    raise _NotPlain


def _restored(values: list[Any], arrays: Iterator[Array | memoryview | bytes]) -> list[Any]:
    """Return values with what the tuples among them stand in for."""
    for index, each in enumerate(values):
        if each.__class__ is tuple:
            values[index] = _original(each, arrays)
    return values


def _original(stand_in: tuple[Any, ...], arrays: Iterator[Array | memoryview | bytes]) -> Any:
    kind = stand_in[0]
    if kind == _IS_ARRAY:
        return np.ndarray(stand_in[2], stand_in[1], next(arrays))
    if stand_in == _EMPTY:
        return ()
    values = _restored(list(stand_in[1:]), arrays)
    return Part(*values) if kind == _IS_PART else tuple(values)


@cache
def _address(values: tuple[str, int | None]) -> Address:
    return Address(*values)
