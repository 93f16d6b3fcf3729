"""How the step's length shrinks with the steps: a pure function of the step, as everything that an optimizer does."""

from __future__ import annotations


def inverse_time(learning_rate: float, decay: float, step: int) -> float:
    """Return ``learning_rate / (1 + decay step)``: with decay 0 the same at every step, from 0 on.

    Source:
        Robbins, Monro (1951), A stochastic approximation method: steps of length a / n.
    """
    return learning_rate / (1 + decay * step)
