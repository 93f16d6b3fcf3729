"""Warm-up: a linear rise at the beginning, in front of any learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import ConfigError
from annex_actors.optimizers.learning_rate import LearningRate, checked_number, checked_rule, checked_step, step_size


@dataclass(frozen=True)
class Warmup:
    """A linear rise to a rate, which then stays, ``warmup:0.003:100``, or to a rule: ``warmup:100 cosine:0.003:1000``.

    Step 0 of the rule is the first one after the rise.

    Args:
        learning_rate: at the end of the rise, > 0; or a rule, which then goes on from its first rate.
        steps: how many steps the rise takes, >= 1; the step size at the first is ``learning_rate / steps``.

    Raises:
        ConfigError: a number out of range, or neither a number nor another rule.

    Source:
        Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour, section 2.2.
    """

    learning_rate: float | LearningRate
    steps: int

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, Warmup):
            raise ConfigError("expected `learning_rate` to be a number > 0 or a rule, got another Warmup; write one")
        check = checked_number if isinstance(self.learning_rate, Real) else checked_rule
        checks.keep(self, learning_rate=check(self.learning_rate))
        checks.keep(self, steps=checks.whole_number("steps", self.steps, at_least=1))

    def at(self, step: int) -> float:
        """Return the step size."""
        step = checked_step(step)
        if step < self.steps:
            return step_size(self.learning_rate, 0) * ((step + 1) / self.steps)
        return step_size(self.learning_rate, step - self.steps)

    def spec(self) -> str:
        """Return the rule's text."""
        rule = self.learning_rate
        if isinstance(rule, float):
            return written("warmup", self)
        text = rule.spec() if hasattr(rule, "spec") else type(rule).__name__
        return f"warmup:{self.steps} {text}"
