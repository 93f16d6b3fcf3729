"""Checks of user input, made once at the edge: each returns the value, or raises an error that says what to give."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, NoReturn

from annex_actors.base.errors import ConfigError


def whole_number(setting: str, value: Any, *, at_least: int, below: int | None = None) -> int:
    """Return ``value`` as an int.

    ``True`` and ``False`` are not numbers here: as a seed or a width they are mistakes.

    Raises:
        ConfigError: not an integer with ``at_least <= value < below``.
    """
    number = None if isinstance(value, bool) or not isinstance(value, Integral) else int(value)
    if number is None or number < at_least or (below is not None and number >= below):
        wanted = f"an integer >= {at_least}" + (f" and < {below}" if below is not None else "")
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {value!r}")
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
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (math.isfinite(number) and above < number < below and number >= at_least):
        bounds = [(">", above), (">=", at_least), ("<", below)]
        wanted = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if math.isfinite(bound))
        raise ConfigError(f"expected `{setting}` to be a number {wanted or 'that is finite'}, got {value!r}")
    return number


def boolean(setting: str, value: Any) -> bool:
    """Return ``value``.

    Raises:
        ConfigError: neither true nor false.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"expected `{setting}` to be true or false, got {value!r}")
    return value


def function(setting: str, value: Any) -> None:
    """Raise ConfigError unless ``value`` is a function, a setting that only Python can give."""
    if not callable(value):
        raise ConfigError(f"expected `{setting}` to be a function, got {value!r}; leave it out, or give it in Python")


def unknown(setting: str, value: object, known: Iterable[str]) -> NoReturn:
    """Raise ConfigError for a name that is not in ``known``; the message lists these and suggests a similar one."""
    names = list(known)
    raise ConfigError(
        f"expected `{setting}` to be one of {', '.join(names)}, got {value!r}{did_you_mean(value, names)}"
    )


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return the end of an error message, ``; did you mean 'gpipe'?``, or "" where no known name is similar."""
    close = get_close_matches(str(value).lower(), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
