"""The conditions to halt by name, and as text: ``early_stopping:5``, ``early_stopping:patience=5:monitor=accuracy``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from annex_actors.base import checks
from annex_actors.base.calls import parse_call
from annex_actors.base.calls import usage_of as usage_of_call
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
    return usage_of_call(name, HALTS[name])


def _parsed(text: str) -> Halt:
    made_by = HALTS.find(text.partition(":")[0])
    usage = f"`halt` as {usage_of(text.partition(':')[0])}"
    return parse_call(text, usage=usage).make(made_by, usage=usage, text=text, place="halt")
