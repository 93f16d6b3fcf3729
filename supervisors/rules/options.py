"""The check of an option that is an enum inside, and may be its string at the edge."""

from __future__ import annotations

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
