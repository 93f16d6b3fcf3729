"""The conditions to halt by name, and as text: ``early_stopping:5``, ``early_stopping:patience=5:monitor=accuracy``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.halting import Halt, any_of, loss_less_than, max_epochs, max_seconds, max_steps

HALTS: Table[Callable[..., Halt]] = Table(
    "halt",
    {
        "early_stopping": EarlyStopping,
        "loss_less_than": loss_less_than,
        "max_epochs": max_epochs,
        "max_steps": max_steps,
        "max_seconds": max_seconds,
    },
)
"""What makes a condition, by the first part of its text."""


def halt(value: str | Halt | None) -> Halt | None:
    """Return a condition from itself or from its text; None for None.

    Raises:
        ConfigError: neither, an unknown name, or settings that do not fit.
    """
    if isinstance(value, str):
        return _parsed(value)
    if value is not None:
        checks.function("halt", value, 1, wanted="a function of the finished epochs, such as loss_less_than(0.1)")
    return value


def halt_of(texts: Iterable[str]) -> Halt | None:
    """Return the condition that any of these is met, each as text; None if there are none.

    Raises:
        ConfigError: see `halt`.
    """
    conditions = tuple(map(_parsed, texts))
    return any_of(*conditions) if len(conditions) > 1 else next(iter(conditions), None)


def usage_of(name: str) -> str:
    """Return how to write a condition, such as ``max_seconds:limit``."""
    parameters = inspect.signature(HALTS[name]).parameters.values()
    return name + "".join(
        f":{each.name}" if each.default is each.empty else f"[:{each.name}={_text(each.default)}]"
        for each in parameters
    )


def _parsed(text: str) -> Halt:
    name, *words = text.split(":")
    made_by = HALTS.find(name)
    named = {key: _value(value) for key, equals, value in (word.partition("=") for word in words) if equals}
    given = [_value(word) for word in words if "=" not in word]
    try:
        inspect.signature(made_by).bind(*given, **named)
    except TypeError:
        raise ConfigError(f"expected `halt` as {usage_of(name)}, got {shown(text)}") from None
    try:
        return made_by(*given, **named)
    except UserError as error:
        raise ConfigError(f"halt {shown(text)}: {error}") from None


def _value(text: str) -> bool | int | float | str:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _text(value: object) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
