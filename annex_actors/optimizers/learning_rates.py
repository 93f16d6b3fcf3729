"""Learning rates: a number, or a rule that computes a number from the step alone."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import astuple, dataclass
from numbers import Real
from typing import Protocol, runtime_checkable

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table


@runtime_checkable
class LearningRate(Protocol):
    """A rule for the step size. To write your own, make a frozen dataclass with this method."""

    def at(self, step: int) -> float:
        """Return the step size at a step, >= 0.

        Args:
            step: the number of updates before, from 0. The step size may depend on nothing else: a restarted layer asks
                again, and must get the same answer.
        """


@dataclass(frozen=True)
class InverseTime:
    """``learning_rate / (1 + decay step)``; as text ``inverse_time:0.003:0.01``.

    Args:
        learning_rate: at the first step, > 0.
        decay: >= 0.

    Raises:
        ConfigError: a number out of range.

    Source:
        Robbins, Monro (1951), A stochastic approximation method: step sizes a / n.
    """

    learning_rate: float
    decay: float

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checks.real_number("learning_rate", self.learning_rate, above=0))
        checks.keep(self, decay=checks.real_number("decay", self.decay, at_least=0))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = _checked_step(step)
        return self.learning_rate / (1 + self.decay * step)

    def spec(self) -> str:
        """Return the rule's text."""
        return _text("inverse_time", self)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from ``learning_rate`` down to 0, then 0; as text ``cosine:0.003:1000``.

    Args:
        learning_rate: at the first step, > 0.
        steps: how many steps until it is 0, >= 1.

    Raises:
        ConfigError: a number out of range.

    Source:
        Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts, equation 5, without restarts.
    """

    learning_rate: float
    steps: int

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checks.real_number("learning_rate", self.learning_rate, above=0))
        checks.keep(self, steps=checks.whole_number("steps", self.steps, at_least=1))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = _checked_step(step)
        return self.learning_rate * (1 + math.cos(math.pi * min(step / self.steps, 1.0))) / 2

    def spec(self) -> str:
        """Return the rule's text."""
        return _text("cosine", self)


@dataclass(frozen=True)
class Stepwise:
    """``learning_rate``, multiplied by ``factor`` after every ``every`` steps; as text ``stepwise:0.1:0.5:1000``.

    Args:
        learning_rate: at the first step, > 0.
        factor: > 0.
        every: how many steps the rate stays the same, >= 1.

    Raises:
        ConfigError: a number out of range.
    """

    learning_rate: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checks.real_number("learning_rate", self.learning_rate, above=0))
        checks.keep(self, factor=checks.real_number("factor", self.factor, above=0))
        checks.keep(self, every=checks.whole_number("every", self.every, at_least=1))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = _checked_step(step)
        return self.learning_rate * float(self.factor ** (step // self.every))

    def spec(self) -> str:
        """Return the rule's text."""
        return _text("stepwise", self)


@dataclass(frozen=True)
class Warmup:
    """A linear rise to ``learning_rate``, which then stays; as text ``warmup:0.003:100``.

    Args:
        learning_rate: at the end of the rise and after it, > 0.
        steps: how many steps the rise takes, >= 1; the step size at the first is ``learning_rate / steps``.

    Raises:
        ConfigError: a number out of range.

    Source:
        Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour, section 2.2.
    """

    learning_rate: float
    steps: int

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checks.real_number("learning_rate", self.learning_rate, above=0))
        checks.keep(self, steps=checks.whole_number("steps", self.steps, at_least=1))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = _checked_step(step)
        return self.learning_rate * min((step + 1) / self.steps, 1.0)

    def spec(self) -> str:
        """Return the rule's text."""
        return _text("warmup", self)


LEARNING_RATES: Table[Callable[..., LearningRate]] = Table(
    "learning_rate", {"inverse_time": InverseTime, "cosine": Cosine, "stepwise": Stepwise, "warmup": Warmup}
)
"""The rules by name, the first part of their text."""


def checked(value: object) -> float | LearningRate:
    """Return a learning rate as an optimizer keeps it, from a number, a rule, or the text of either.

    Raises:
        ConfigError: not a learning rate, or a number out of range.
    """
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, Real):
        return checks.real_number("learning_rate", value, above=0)
    wanted = "a number > 0, or a rule such as Cosine(0.003, steps=1000)"
    return checks.instance("learning_rate", value, LearningRate, wanted)  # type: ignore[return-value]  # has its member


def at(learning_rate: float | LearningRate, step: int) -> float:
    """Return the step size as a Python float; a NumPy float would turn float32 arrays into float64."""
    return learning_rate if isinstance(learning_rate, float) else float(learning_rate.at(step))


def _parsed(text: str) -> float | LearningRate:
    try:
        return checks.real_number("learning_rate", float(text), above=0)
    except ConfigError:
        raise
    except ValueError:
        pass
    name, *arguments = text.split(":")
    if name not in LEARNING_RATES:
        rules = ", ".join(usage_of(rule) for rule in LEARNING_RATES)
        hint = checks.did_you_mean(name, LEARNING_RATES)
        raise ConfigError(f"expected `learning_rate` to be a number > 0, got {shown(text)}; or a rule: {rules}{hint}")
    try:
        inspect.signature(LEARNING_RATES[name]).bind(*arguments)
        return LEARNING_RATES[name](*map(_number, arguments))
    except ConfigError as error:
        raise ConfigError(f"learning_rate {shown(text)}: {error}") from None
    except (TypeError, ValueError):
        raise ConfigError(f"expected `learning_rate` as {usage_of(name)}, with numbers, got {shown(text)}") from None


def usage_of(name: str) -> str:
    """Return how to write a rule, such as ``cosine:LEARNING_RATE:STEPS``."""
    return ":".join([name, *(each.upper() for each in inspect.signature(LEARNING_RATES[name]).parameters)])


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)


def _text(name: str, rule: InverseTime | Cosine | Stepwise | Warmup) -> str:
    return ":".join([name, *map(repr, astuple(rule))])


_WORD = 2**63


def _checked_step(step: int) -> int:
    # Every layer asks at every step; the check of what is an int anyway would take longer than the rule.
    return step if type(step) is int and 0 <= step < _WORD else checks.whole_number("step", step, at_least=0)
