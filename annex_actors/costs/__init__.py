"""Costs: what training makes small.

A reading order:

1. `cost`: the protocol `Cost`, four members that a cost of your own has too;
2. `encoding`: labels and targets, checked and brought into the form that costs take;
3. `mean_squared_error`, `softmax_cross_entropy`, `sigmoid_cross_entropy`: the costs.
"""

from __future__ import annotations

from typing import TypeVar

from annex_actors.base.errors import ConfigError
from annex_actors.base.tables import Table
from annex_actors.costs.cost import Cost
from annex_actors.costs.mean_squared_error import MeanSquaredError
from annex_actors.costs.sigmoid_cross_entropy import SigmoidCrossEntropy
from annex_actors.costs.softmax_cross_entropy import SoftmaxCrossEntropy

_Cost = TypeVar("_Cost", bound=Cost)

COSTS: Table[Cost] = Table(
    "cost",
    {
        "mean_squared_error": MeanSquaredError(),
        "softmax_cross_entropy": SoftmaxCrossEntropy(),
        "sigmoid_cross_entropy": SigmoidCrossEntropy(),
    },
)
"""The costs by name; `register_cost` adds one."""

_SHORT = {"mse": "mean_squared_error"}


def register_cost(name: str, cost: _Cost) -> _Cost:
    """Give a cost of your own its name, for `Learner`, config files and the command line, and return it.

    Args:
        name: one word; of two of your own with the same name the last one counts.
        cost: a value with the members of `Cost`, such as ``Huber(delta=2.0)``.

    Raises:
        ConfigError: the name is one of this package's, or not one word; or the value is no cost.
    """
    if isinstance(cost, type) or not isinstance(cost, Cost):
        raise ConfigError(
            f"expected the cost {name!r} to be a value with name, encode, evaluate and predictions, such as "
            f"MeanSquaredError(), got {cost!r}; register what its class makes"
        )
    COSTS.register(_SHORT.get(name, name), cost)
    return cost


def cost(name: str) -> Cost:
    """Return the cost of this name; ``mse`` stands for ``mean_squared_error``.

    Raises:
        ConfigError: there is none of this name.
    """
    return COSTS.find(_SHORT.get(name, name))


__all__ = ["COSTS", "Cost", "MeanSquaredError", "SigmoidCrossEntropy", "SoftmaxCrossEntropy", "cost", "register_cost"]
