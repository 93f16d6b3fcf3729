"""What a value is made of, down to numbers and text, so that it can be compared with one of another process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from annex_actors.base.types import Array, DType

Scalar: TypeAlias = str | int | float | bool | None
"""What JSON holds without nesting."""

ADDED: Mapping[str, object] = MappingProxyType({"is_added": True})
"""Metadata of a field of a dataclass that was added to it later, with the default that means what was done before.

With that value it is left out of a description, so that a training that an earlier version began can go on.
"""

_DIGITS = 16
"""Hexadecimal digits of a fingerprint."""

_FEW = 16
"""Of a sequence with more parts than this only a fingerprint is kept."""


def described(name: str, value: object) -> dict[str, Scalar]:
    """Return the settings of a value, and of the values in it, by names that begin with ``name``.

    ``described("optimizer", Sgd(learning_rate=0.1))`` is ``{"optimizer": "sgd", "optimizer.class": "Sgd",
    "optimizer.learning_rate": 0.1, ...}``. A dataclass has its fields as settings, but for those that are not compared;
    any other object has its attributes. Of a class or a function only the name counts, and not its code.

    Args:
        name: of the value itself.
        value: such as a layer, a cost or an optimizer, perhaps the user's own.
    """
    return dict(_parts(name, value, ()))


def array_text(array: Array) -> str:
    """Return dtype, shape and fingerprint of an array on one line."""
    return blocks_text(array.dtype, array.shape, [array])


def blocks_text(dtype: DType, shape: tuple[int, ...], blocks: Iterable[Array]) -> str:
    """Return the `array_text` of an array that is given block after block, along its first axis."""
    digest = sha256()
    for block in blocks:
        whole = np.ascontiguousarray(block)
        digest.update(whole.data if dtype.kind in "biuf" else whole.tobytes())  # not every dtype shows its memory
    return f"{dtype} {shape} {digest.hexdigest()[:_DIGITS]}"


def fingerprint(content: bytes | memoryview) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256: enough to tell things apart that are not forged."""
    return sha256(content).hexdigest()[:_DIGITS]


def _parts(name: str, value: Any, above: tuple[int, ...]) -> Iterator[tuple[str, Scalar]]:
    """Yield a value and the values in it by name; ``above`` are the ids of the objects that it is a part of."""
    if isinstance(value, Enum | np.generic):
        value = value.value if isinstance(value, Enum) else value.item()
    if value is None or isinstance(value, bool | int | float | str):
        yield name, value
    elif isinstance(value, np.ndarray):
        yield from _parts(name, value.tolist(), above) if value.dtype.kind == "O" else [(name, array_text(value))]
    elif isinstance(value, bytes | Path):
        yield name, str(value) if isinstance(value, Path) else fingerprint(value)
    elif hasattr(value, "__qualname__"):  # a class or a function
        yield name, value.__qualname__
    elif id(value) in above:
        yield name, "a part of itself"
    else:
        split = _elements if isinstance(value, Mapping | AbstractSet | list | tuple) else _settings
        yield from split(name, value, (*above, id(value)))


def _settings(name: str, value: Any, above: tuple[int, ...]) -> Iterator[tuple[str, Scalar]]:
    kind = type(value).__qualname__
    text = value.spec() if hasattr(value, "spec") else getattr(value, "name", kind)
    yield name, str(text)
    yield f"{name}.class", kind
    for setting, each in _attributes(value).items():
        yield from _parts(f"{name}.{setting}", each, above)


def _attributes(value: Any) -> dict[str, Any]:
    if is_dataclass(value):
        compared = [(each, getattr(value, each.name)) for each in fields(value) if each.compare]
        return {field.name: own for field, own in compared if not _is_as_before(field, own)}
    if isinstance(value, partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    state = value.__getstate__()  # what pickling keeps: a mapping, one beside it for slots, or anything else
    parts = state if isinstance(state, tuple) else (state,)
    if all(part is None or isinstance(part, dict) for part in parts):
        return {setting: each for part in parts for setting, each in (part or {}).items()}
    return {"state": state}


def _is_as_before(field: Field[Any], value: Any) -> bool:
    return bool(field.metadata.get("is_added")) and type(value) is type(field.default) and value == field.default


def _elements(name: str, value: Any, above: tuple[int, ...]) -> Iterable[tuple[str, Scalar]]:
    numbers = _as_numbers(value)
    if numbers is not None:
        return [(name, array_text(numbers))]
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Any]] = sorted(value.items(), key=lambda item: str(item[0]))
    else:
        items = enumerate(sorted(value, key=repr) if isinstance(value, AbstractSet) else value)
    parts = [part for key, each in items for part in _parts(f"{name}[{key}]", each, above)]
    head = f"{type(value).__qualname__} of {len(value)}"
    if len(parts) > _FEW:
        return [(name, f"{head}, {fingerprint(json.dumps(parts).encode())}")]
    return [(name, head), *parts]


def _as_numbers(value: Any) -> Array | None:
    """Return a long list of numbers, or of lists of numbers, as an array; None for anything else."""
    if not isinstance(value, list | tuple) or not value or (len(value) <= _FEW and not isinstance(value[0], tuple)):
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return None
    return array if array.dtype.kind in "biuf" else None
