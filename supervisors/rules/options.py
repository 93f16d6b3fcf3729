"""The checks of options: numbers, flags, enums that may be strings at the edge, and names that may be misspelt."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from contextlib import suppress
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeVar

from supervisors.rules.errors import BadSpec
from supervisors.rules.printing import shown

_E = TypeVar("_E", bound=Enum)


def member(option: str, value: object, enum: type[_E], *, of: str = "") -> _E:
    """Return the member of ``enum`` that ``value`` is or stands for.

    Args:
        option: the option's name, for the error.
        value: a member, or the value of one.
        enum: what to choose from.
        of: the owner of the option, for the error.

    Raises:
        BadSpec: there is no such member.
    """
    try:
        return enum(value)
    except ValueError:
        choices = ", ".join(repr(choice.value) for choice in enum)
        raise BadSpec(f"{of}expected `{option}` to be one of {choices}, got {shown(value)}") from None


def number(
    option: str,
    value: object,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    infinite: bool = False,
    of: str = "",
    expected: str = "",
) -> float:
    """Return ``value`` if it is a number in the range.

    Args:
        option: the option's name, for the error.
        value: what was given.
        at_least: the smallest number allowed.
        above: a number that all allowed ones exceed.
        infinite: whether infinity is allowed.
        of: the owner of the option, for the error.
        expected: what is expected, for the error; made of the range by default.

    Raises:
        BadSpec: it is none: also for True, for NaN, and for an integer beyond all floats.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            in_range = at_least <= float(value) and above < float(value)
            if in_range and (infinite or float(value) < math.inf):
                return value
    bound = f" >= {at_least:g}" if at_least > -math.inf else f" > {above:g}" if above > -math.inf else ""
    raise BadSpec(f"{of}expected `{option}` to be {expected or f'a number{bound}'}, got {shown(value)}")


def whole(option: str, value: object, *, at_least: int, or_none: bool = False, of: str = "") -> int:
    """Return ``value`` if it is an integer in the range.

    Args:
        option: the option's name, for the error.
        value: what was given.
        at_least: the smallest one allowed.
        or_none: whether None is allowed, too, for the error; the caller looks at that.
        of: the owner of the option, for the error.

    Raises:
        BadSpec: it is none; True is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        choice = f"an integer >= {at_least}{' or None' if or_none else ''}"
        raise BadSpec(f"{of}expected `{option}` to be {choice}, got {shown(value)}")
    return value


def waiting_time(timeout: object, option: str = "timeout") -> float | None:
    """Return ``timeout`` if it is a time to wait: seconds >= 0, or None or infinity for any time.

    Raises:
        BadSpec: it is none.
    """
    if timeout is None:
        return None
    seconds = number(option, timeout, at_least=0, infinite=True, expected="seconds >= 0, or None for any time")
    return None if seconds == math.inf else seconds


def function(option: str, value: Any) -> Any:
    """Return ``value`` if it can be called.

    Raises:
        BadSpec: it cannot.
    """
    if not callable(value):
        raise BadSpec(f"expected `{option}` to be a function, got {shown(value)}")
    return value


def flag(option: str, value: object, *, of: str = "") -> bool:
    """Return ``value`` if it is True or False.

    Raises:
        BadSpec: it is neither.
    """
    if not isinstance(value, bool):
        raise BadSpec(f"{of}expected `{option}` to be True or False, got {shown(value)}")
    return value


def hashable(option: str, value: object, *, of: str = "") -> Hashable:
    """Return ``value`` if it can be a key.

    Raises:
        BadSpec: it cannot: also a tuple with a list inside.
    """
    try:
        hash(value)
    except Exception:  # noqa: BLE001 - whatever its code raises
        raise BadSpec(f"{of}expected `{option}` to be hashable, got {shown(value)}") from None
    return value


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of an error about an unknown name: the known one that it resembles, or all."""
    known = list(known)
    close = get_close_matches(str(name), known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(map(repr, known)) or 'none'}"
