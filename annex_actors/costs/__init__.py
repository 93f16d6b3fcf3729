"""Costs: what training makes small.

A reading order:

1. `cost`: the protocol `Cost`, four members that a cost of your own has too;
2. `encoding`: labels and targets, checked and brought into the form that costs take;
3. `mean_squared_error`, `softmax_cross_entropy`, `sigmoid_cross_entropy`: the costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from annex_actors.base import checks
from annex_actors.costs.cost import Cost
from annex_actors.costs.mean_squared_error import MeanSquaredError
from annex_actors.costs.sigmoid_cross_entropy import SigmoidCrossEntropy
from annex_actors.costs.softmax_cross_entropy import SoftmaxCrossEntropy

COSTS: Mapping[str, Callable[[], Cost]] = MappingProxyType(
    {
        "mean_squared_error": MeanSquaredError,
        "softmax_cross_entropy": SoftmaxCrossEntropy,
        "sigmoid_cross_entropy": SigmoidCrossEntropy,
    }
)
"""The built-in costs by name."""

_SHORT = {"mse": "mean_squared_error"}


def cost(name: str) -> Cost:
    """Return the cost of this name; ``mse`` stands for ``mean_squared_error``.

    Raises:
        ConfigError: there is none of this name.
    """
    full = _SHORT.get(name, name)
    return COSTS[full]() if full in COSTS else checks.unknown("cost", name, COSTS)


__all__ = ["COSTS", "Cost", "MeanSquaredError", "SigmoidCrossEntropy", "SoftmaxCrossEntropy", "cost"]
