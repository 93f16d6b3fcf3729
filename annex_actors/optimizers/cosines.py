"""Learning rates that follow half a cosine: down once, down again and again, or up and down."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.described import ADDED
from annex_actors.optimizers.learning_rate import checked_number, checked_step


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from ``learning_rate`` down to ``minimum``, where it stays; as text ``cosine:0.003:1000``.

    Args:
        learning_rate: at the first step, > 0.
        steps: how many steps until it is ``minimum``, >= 1.
        minimum: what it falls to, >= 0.

    Raises:
        ConfigError: a number out of range.

    Source:
        Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts, equation 5, without restarts.
    """

    learning_rate: float
    steps: int
    minimum: float = field(default=0.0, kw_only=True, metadata=ADDED)

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checked_number(self.learning_rate))
        checks.keep(self, steps=checks.whole_number("steps", self.steps, at_least=1))
        checks.keep(self, minimum=checks.real_number("minimum", self.minimum, at_least=0))

    def at(self, step: int) -> float:
        """Return the step size."""
        return _half_cosine(self.learning_rate, self.minimum, min(checked_step(step) / self.steps, 1.0))

    def spec(self) -> str:
        """Return the rule's text."""
        return written("cosine", self)


@dataclass(frozen=True)
class CosineRestarts:
    """`Cosine` that restarts at the end of its steps; as text ``cosine_restarts:0.003:1000:t_mult=2``.

    Args:
        learning_rate: at the first step and at every restart, > 0.
        steps: how many steps the first fall takes, >= 1; the next begins after them, one step before ``minimum``.
        t_mult: how many times as long each fall is as the one before, an integer >= 1.
        minimum: what it falls towards, >= 0.

    Raises:
        ConfigError: a number out of range.

    Source:
        Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts, equation 5.
    """

    learning_rate: float
    steps: int
    t_mult: int = field(default=1, kw_only=True)
    minimum: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checked_number(self.learning_rate))
        checks.keep(self, steps=checks.whole_number("steps", self.steps, at_least=1))
        checks.keep(self, t_mult=checks.whole_number("t_mult", self.t_mult, at_least=1))
        checks.keep(self, minimum=checks.real_number("minimum", self.minimum, at_least=0))

    def at(self, step: int) -> float:
        """Return the step size."""
        since, length = self._since_restart(checked_step(step))
        return _half_cosine(self.learning_rate, self.minimum, since / length)

    def spec(self) -> str:
        """Return the rule's text."""
        return written("cosine_restarts", self)

    def _since_restart(self, step: int) -> tuple[int, int]:
        """Return the number of steps since the last restart, and how many the fall takes.

        In integers: the logarithm of the closed formula may round to the wrong side of a restart.
        """
        if self.t_mult == 1:
            return step % self.steps, self.steps
        length = self.steps
        while step >= length:
            step -= length
            length *= self.t_mult
        return step, length


@dataclass(frozen=True)
class OneCycle:
    """Half a cosine up to ``learning_rate``, then one down to almost 0; as text ``one_cycle:0.01:1000:pct_start=0.3``.

    Args:
        learning_rate: at the peak, > 0.
        steps: how many steps the cycle takes, >= 1; the rate of the last one stays.
        pct_start: the fraction of the steps that the rise takes, 0 <= pct_start < 1.
        div_factor: how many times smaller the first rate is than ``learning_rate``, >= 1.
        final_div_factor: how many times smaller the last rate is than the first, >= 1.

    Raises:
        ConfigError: a number out of range.

    Source:
        Smith, Topin (2018), Super-convergence: very fast training of neural networks using large learning rates; with
        cosines instead of lines, as in torch.
    """

    learning_rate: float
    steps: int
    pct_start: float = field(default=0.3, kw_only=True)
    div_factor: float = field(default=25.0, kw_only=True)
    final_div_factor: float = field(default=1e4, kw_only=True)

    def __post_init__(self) -> None:
        checks.keep(self, learning_rate=checked_number(self.learning_rate))
        checks.keep(self, steps=checks.whole_number("steps", self.steps, at_least=1))
        checks.keep(self, pct_start=checks.real_number("pct_start", self.pct_start, at_least=0, below=1))
        checks.keep(self, div_factor=checks.real_number("div_factor", self.div_factor, at_least=1))
        final = checks.real_number("final_div_factor", self.final_div_factor, at_least=1)
        checks.keep(self, final_div_factor=final)

    def at(self, step: int) -> float:
        """Return the step size."""
        step, peak, last = checked_step(step), self.pct_start * self.steps - 1, self.steps - 1
        first = self.learning_rate / self.div_factor
        if step < peak:
            return _half_cosine(first, self.learning_rate, step / peak)
        share = min((step - peak) / (last - peak), 1.0)
        return _half_cosine(self.learning_rate, first / self.final_div_factor, share)

    def spec(self) -> str:
        """Return the rule's text."""
        return written("one_cycle", self)


def _half_cosine(start: float, end: float, share: float) -> float:
    """Return the value on half a cosine from ``start`` to ``end`` after this share of it, from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
