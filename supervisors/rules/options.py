"""The check of options: an enum inside that may be its string at the edge, and names that may be misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from supervisors.rules.errors import BadSpec

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
        raise BadSpec(f"{of}expected `{option}` to be one of {choices}, got {value!r}") from None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of an error about an unknown name: the known one that it resembles, or all."""
    known = list(known)
    close = get_close_matches(str(name), known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(map(repr, known)) or 'none'}"
