"""Values as text on one line, of any size: in error messages, and as the ``repr`` of values that hold arrays."""

from __future__ import annotations

from dataclasses import Field, fields
from enum import Enum
from pathlib import PurePath
from reprlib import Repr
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from annex_actors.base.words import counted

_LONGEST = 100
_DIGITS = 40


class _Shown(Repr):
    """Python's `reprlib`, with words for what has no short form: arrays, classes, functions, enormous integers."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 60, 60
        self.maxtuple = self.maxlist = self.maxset = self.maxdict = 4

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, type):
            return f"the class {x.__name__}"
        if isinstance(x, Enum):
            return f"{type(x).__name__}.{x.name}"
        if isinstance(x, PurePath):
            return super().repr1(str(x), level)
        if isinstance(x, np.ndarray):
            return f"an array of shape {x.shape}, {x.dtype}"
        if isinstance(x, FunctionType | BuiltinFunctionType | MethodType):
            return "a lambda" if x.__name__ == "<lambda>" else f"the function {x.__name__}"
        has_own_repr = any("__repr__" in vars(base) for base in type(x).__mro__[:-1])
        return super().repr1(x, level) if has_own_repr else f"an instance of {type(x).__name__}"

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to print integers of more than 4,300 digits.
        digits = int(x.bit_length() * 0.30103) + 1
        return repr(x) if digits <= _DIGITS else f"an integer of about {counted(digits, 'digit')}"

    def repr_instance(self, x: Any, level: int) -> str:
        try:
            text = repr(x)
        except Exception:  # noqa: BLE001 - the class is the user's, and an error message must not fail
            return f"an instance of {type(x).__name__}"
        return text if len(text) <= self.maxother else f"{text[: self.maxother - 3]}..."


_SHOWN = _Shown()


def shown(value: object) -> str:
    """Return a value as text of at most 100 characters on one line; arrays, classes and functions in words."""
    text = " ".join(_SHOWN.repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def brief(value: Any) -> str:
    """Return a dataclass as one line: the call that makes it, with `shown` arguments, and none that is its default.

    It is the ``__repr__`` of a dataclass that holds arrays, functions or long sequences.
    """
    own = [(each.name, getattr(value, each.name)) for each in fields(value) if not _is_default(value, each)]
    return f"{type(value).__name__}({', '.join(f'{name}={shown(given)}' for name, given in own)})"


def _is_default(owner: Any, field: Field[Any]) -> bool:
    value, default = getattr(owner, field.name), field.default
    return value is default or (isinstance(value, bool | int | float | str | Enum) and bool(value == default))
