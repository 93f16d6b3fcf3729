"""Learning rates that stay, or fall by a power or a factor."""

from __future__ import annotations

from dataclasses import dataclass, field

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.optimizers.learning_rate import checked_number, checked_step


@dataclass(frozen=True)
class Constant:
    """``learning_rate`` at every step; as text ``constant:0.003``, or the number alone.

    Args:
        learning_rate: > 0.

    Raises:
        ConfigError: a number out of range.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checked_number(self.learning_rate))

    def at(self, step: int) -> float:
        """Return the step size."""
        checked_step(step)
        return self.learning_rate

    def spec(self) -> str:
        """Return the rule's text."""
        return written("constant", self)


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
        checks.keep(self, learning_rate=checked_number(self.learning_rate))
        checks.keep(self, decay=checks.real_number("decay", self.decay, at_least=0))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = checked_step(step)
        return self.learning_rate / (1 + self.decay * step)

    def spec(self) -> str:
        """Return the rule's text."""
        return written("inverse_time", self)


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
        checks.keep(self, learning_rate=checked_number(self.learning_rate))
        checks.keep(self, factor=checks.real_number("factor", self.factor, above=0))
        checks.keep(self, every=checks.whole_number("every", self.every, at_least=1))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = checked_step(step)
        return self.learning_rate * float(self.factor ** (step // self.every))

    def spec(self) -> str:
        """Return the rule's text."""
        return written("stepwise", self)


@dataclass(frozen=True)
class Exponential:
    """``learning_rate factor^(step / every)``, `Stepwise` without steps; as text ``exponential:0.1:0.999``.

    Args:
        learning_rate: at the first step, > 0.
        factor: > 0.
        every: after how many steps the rate has been multiplied by ``factor``, >= 1.

    Raises:
        ConfigError: a number out of range.
    """

    learning_rate: float
    factor: float
    every: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checked_number(self.learning_rate))
        checks.keep(self, factor=checks.real_number("factor", self.factor, above=0))
        checks.keep(self, every=checks.whole_number("every", self.every, at_least=1))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = checked_step(step)
        return self.learning_rate * float(self.factor ** (step / self.every))

    def spec(self) -> str:
        """Return the rule's text."""
        return written("exponential", self)


@dataclass(frozen=True)
class Polynomial:
    """A fall to ``minimum`` in proportion to ``(1 - step / steps)^power``; as text ``polynomial:0.1:1000:power=2``.

    Args:
        learning_rate: at the first step, > 0.
        steps: how many steps the fall takes, >= 1; the rate then stays at ``minimum``.
        power: > 0; 1 is a line.
        minimum: what it falls to, >= 0.

    Raises:
        ConfigError: a number out of range.
    """

    learning_rate: float
    steps: int
    power: float = field(default=1.0, kw_only=True)
    minimum: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checked_number(self.learning_rate))
        checks.keep(self, steps=checks.whole_number("steps", self.steps, at_least=1))
        checks.keep(self, power=checks.real_number("power", self.power, above=0))
        checks.keep(self, minimum=checks.real_number("minimum", self.minimum, at_least=0))

    def at(self, step: int) -> float:
        """Return the step size."""
        left = 1 - min(checked_step(step) / self.steps, 1.0)
        return self.minimum + (self.learning_rate - self.minimum) * float(left**self.power)

    def spec(self) -> str:
        """Return the rule's text."""
        return written("polynomial", self)
