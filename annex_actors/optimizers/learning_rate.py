"""What a learning rate is: a number, or a rule that computes a number from the step alone."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from annex_actors.base import checks


@runtime_checkable
class LearningRate(Protocol):
    """A rule for the step size. To write your own, make a frozen dataclass with this method."""

    def at(self, step: int) -> float:
        """Return the step size at a step, >= 0.

        Args:
            step: the number of updates before, from 0. The step size may depend on nothing else: a restarted layer asks
                again, and must get the same answer.
        """


def step_size(learning_rate: float | LearningRate, step: int) -> float:
    """Return the step size as a Python float; a NumPy float would turn float32 arrays into float64."""
    return learning_rate if isinstance(learning_rate, float) else float(learning_rate.at(step))


def checked_number(learning_rate: object) -> float:
    """Return a learning rate that is a number > 0.

    Raises:
        ConfigError: not such a number.
    """
    return checks.real_number("learning_rate", learning_rate, above=0)


def checked_rule(learning_rate: object) -> LearningRate:
    """Return a learning rate that is a rule.

    Raises:
        ConfigError: not a rule, or the class of one.
    """
    wanted = "a number > 0, or a rule such as Cosine(0.003, steps=1000)"
    return checks.instance("learning_rate", learning_rate, LearningRate, wanted)  # type: ignore[return-value]  # has its member


_WORD = 2**63


def checked_step(step: int) -> int:
    """Return a step.

    Raises:
        ConfigError: not an integer >= 0.
    """
    # Every layer asks at every step; the check of what is an int anyway would take longer than the rule.
    return step if type(step) is int and 0 <= step < _WORD else checks.whole_number("step", step, at_least=0)
