"""Checks of what a user gives, made once at the edge: each returns the value, or raises an error with what to do.

A check also converts, so that what is inside has one form: a NumPy number becomes Python's, a member's text the member,
a generator a tuple, a text a path. An error of a user's own object while it is looked at stays that object's error.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from numbers import Integral, Real
from pathlib import Path, PurePath
from types import FunctionType
from typing import Any, NoReturn, TypeVar

import numpy as np

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.texts import is_unicode
from annex_actors.base.types import DType
from annex_actors.base.words import counted

_Member = TypeVar("_Member", bound=Enum)
_Value = TypeVar("_Value")

_LONGEST_PATH = 4096
"""Characters; Linux takes no longer path."""

_SHORT = 100
"""Characters of a text that an error repeats as a whole, or compares with those that are known."""


def whole_number(setting: str, value: Any, *, at_least: int, below: int | None = None, limit: int = 2**64) -> int:
    """Return ``value`` as an int.

    ``True`` and ``False`` are not numbers here: as a seed or a width they are mistakes.

    Args:
        setting: its name.
        value: what was given.
        at_least: the smallest that is allowed.
        below: larger than all that are allowed; named in every error.
        limit: where what the machine can do ends, below which nearly all numbers are; named in an error for a number
            beyond it. By default what arrays and files can hold.

    Raises:
        ConfigError: not an integer in these bounds.
    """
    if type(value) is int:  # the check of an abstract class takes a microsecond, and a step has several numbers
        number: int | None = value
    else:
        number = None if isinstance(value, bool) or not isinstance(value, Integral) else int(value)
    is_too_large = number is not None and number >= limit
    if number is None or number < at_least or is_too_large or (below is not None and number >= below):
        upper = below if below is not None else limit if is_too_large else None
        wanted = f"an integer >= {at_least}" + (f" and < {upper}" if upper is not None else "")
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(value)}")
    return number


def real_number(
    setting: str,
    value: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return ``value`` as a Python float; a NumPy float would turn float32 arrays into float64.

    Raises:
        ConfigError: not a finite number within the bounds.
    """
    number = _float(value)
    if not (math.isfinite(number) and above < number < below and number >= at_least):
        bounds = [(">", above), (">=", at_least), ("<", below)]
        wanted = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if math.isfinite(bound))
        raise ConfigError(f"expected `{setting}` to be a number {wanted or 'that is finite'}, got {shown(value)}")
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an integer or a fraction beyond 1.8e308
        return math.inf


def boolean(setting: str, value: Any) -> bool:
    """Return ``value`` as a bool.

    Raises:
        ConfigError: neither true nor false.
    """
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"expected `{setting}` to be true or false, got {shown(value)}")
    return bool(value)


def text(setting: str, value: Any, *, wanted: str = "text") -> str:
    """Return ``value``.

    Args:
        setting: its name.
        value: what was given.
        wanted: what to give, for the error.

    Raises:
        ConfigError: not a str, or one with half a character, which no file could hold.
    """
    if not isinstance(value, str):
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(value)}")
    if not is_unicode(value):
        raise ConfigError(f"expected `{setting}` to be text that UTF-8 can hold, got {shown(value)}; correct it")
    return str(value)


def path(setting: str, value: Any) -> Path:
    """Return ``value`` as a path.

    Raises:
        ConfigError: neither text nor a path, or a text that no system takes for a path.
    """
    name = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(name, str) or not 0 < len(name) < _LONGEST_PATH or "\0" in name:
        raise ConfigError(f"expected `{setting}` to be a path, got {shown(value)}")
    return Path(name)


def member(setting: str, value: Any, kind: type[_Member]) -> _Member:
    """Return the member of an enumeration, given itself or its text.

    Raises:
        ConfigError: neither; the message lists all texts and suggests a similar one.
    """
    if isinstance(value, kind):
        return value
    by_text = {each.value if isinstance(each.value, str) else each.name.lower(): each for each in kind}
    return by_text[value] if isinstance(value, str) and value in by_text else unknown(setting, value, by_text)


def function(setting: str, value: Any, arguments: int | None = None, *, wanted: str = "a function") -> None:
    """Check that ``value`` is a function, which only Python can give.

    Args:
        setting: its name.
        value: what was given.
        arguments: with how many positional arguments it will be called; None: not known.
        wanted: what to give, for the error.

    Raises:
        ConfigError: it cannot be called, or is a class, or does not take so many arguments.
    """
    if not callable(value) or isinstance(value, type):
        cure = _write_call(value) if isinstance(value, type) else "; leave it out, or give it in Python"
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(value)}{cure}")
    if arguments is None:
        return
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # some functions written in C have none
        return
    try:
        signature.bind(*range(arguments))
    except TypeError as error:
        call = counted(arguments, "argument")
        raise ConfigError(
            f"expected `{setting}` to be {wanted}, called with {call}, got {shown(value)}: {error}"
        ) from None


def instance(setting: str, value: _Value, kind: type[Any], wanted: str) -> _Value:
    """Return ``value``.

    Args:
        setting: its name.
        value: what was given.
        kind: a class, or a protocol: ``value`` then has all its members, and its methods can be called.
        wanted: what to give, for the error, such as ``an optimizer such as Adam()``.

    Raises:
        ConfigError: ``value`` is of another kind, or a class; the message says what is missing.
    """
    lacks = _lacks(value, kind)
    if not isinstance(value, type) and (not lacks if _members(kind) else isinstance(value, kind)):
        return value
    cure = _write_call(value) if isinstance(value, type) else ""
    if not cure and 0 < len(lacks) < len(_members(kind)):
        cure = f", which has no {' and no '.join(f'`{name}`' for name in lacks)}"
    raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(value)}{cure}")


def elements(setting: str, values: Iterable[_Value], kind: type[Any], wanted: str) -> tuple[_Value, ...]:
    """Return the elements of a list, tuple or other ordered iterable, each checked as by `instance`.

    Args:
        setting: its name.
        values: what was given.
        kind: of each element.
        wanted: what each element is, for the error, such as ``a crash such as Crash(layer=1, step=3)``.

    Raises:
        ConfigError: not such an iterable, one element without a list around it, or an element of another kind.
    """
    given = several(setting, values, f"a list, each element {wanted}")
    return tuple(instance(f"{setting}[{index}]", each, kind, wanted) for index, each in enumerate(given))


def several(setting: str, values: Iterable[_Value], wanted: str) -> tuple[_Value, ...]:
    """Return the elements of a list, tuple or other ordered iterable; ``wanted`` says what to give, for the error.

    Raises:
        ConfigError: not such an iterable. Text is none, neither is a set, whose order changes from run to run.
    """
    if isinstance(values, str | bytes | PurePath | Mapping | Set | type) or not isinstance(values, Iterable):
        is_alone = values is not None and not isinstance(values, Mapping | Set | type)
        is_text = isinstance(values, str | PurePath) and len(str(values)) < _SHORT
        cure = f"; write [{str(values)!r}]" if is_text else "; put it into a list" if is_alone else ""
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(values)}{cure}")
    return tuple(values)


def sizes(setting: str, values: Any, wanted: str, *, count: int | None = None) -> tuple[int, ...]:
    """Return whole numbers >= 1, such as a shape, as a tuple of ints.

    Args:
        setting: its name.
        values: what was given.
        wanted: what to give, for the error.
        count: how many there are; None: any number.

    Raises:
        ConfigError: not so many whole numbers >= 1.
    """
    if isinstance(values, Integral):
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(values)}; write ({shown(values)},)")
    numbers = tuple(whole_number(setting, each, at_least=1) for each in several(setting, values, wanted))
    if count is not None and len(numbers) != count:
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(values)}")
    return numbers


def floating(setting: str, value: Any) -> DType:
    """Return the dtype of a network.

    Raises:
        ConfigError: neither float32 nor float64.
    """
    known = {name: np.dtype(name) for name in ("float32", "float64")}
    if isinstance(value, np.dtype) or any(value is kind for kind in (np.float32, np.float64)):
        value = np.dtype(value).name
    return known[value] if isinstance(value, str) and value in known else unknown(setting, value, known)


def unknown(setting: str, value: object, known: Iterable[str]) -> NoReturn:
    """Raise ConfigError for a name that is not in ``known``; the message lists these and suggests a similar one."""
    names = list(known)
    raise ConfigError(
        f"expected `{setting}` to be one of {', '.join(names)}, got {shown(value)}{did_you_mean(value, names)}"
    )


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return the end of an error message, ``; did you mean 'gpipe'?``, or "" where no known name is similar."""
    close = get_close_matches(value.lower(), known, n=1) if isinstance(value, str) and len(value) < _SHORT else []
    return f"; did you mean {close[0]!r}?" if close else ""


def keep(owner: object, **settings: object) -> None:
    """Set fields of a frozen dataclass to what was checked, in its ``__post_init__``."""
    for name, value in settings.items():
        object.__setattr__(owner, name, value)


def _members(kind: type[Any]) -> dict[str, bool]:
    """Return the public members of a protocol, and whether each is a method; none for any other class."""
    protocols = [base for base in kind.__mro__ if getattr(base, "_is_protocol", False)]
    return {
        name: isinstance(value, FunctionType)
        for base in protocols
        for name, value in vars(base).items()
        if not name.startswith("_")
    }


def _lacks(value: object, kind: type[Any]) -> list[str]:
    """Return the members of a protocol that ``value`` does not have, or that are methods and cannot be called."""
    return [
        name
        for name, is_method in _members(kind).items()
        if not hasattr(value, name) or (is_method and not callable(getattr(value, name)))
    ]


def _write_call(kind: type[Any]) -> str:
    return f"; write {kind.__name__}(...)"


def is_dataclass_with(value: object, members: Iterable[str]) -> bool:
    """Return whether a value is a dataclass itself, not an instance, that has these members as fields or otherwise."""
    if not (isinstance(value, type) and is_dataclass(value)):
        return False
    return {*members} <= {*dir(value), *(each.name for each in fields(value))}
