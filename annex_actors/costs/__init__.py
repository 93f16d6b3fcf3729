"""Costs: what training minimizes.

Read the modules in this order:

1. `cost`: the protocol `Cost`, which has four members;
2. `encoding`: labels and targets, checked and converted to the form that costs take;
3. `mean_squared_error`, `softmax_cross_entropy`, `sigmoid_cross_entropy`: the costs.
"""

from __future__ import annotations

from typing import TypeVar

from annex_actors.base import checks
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
"""The costs by name; `register_cost` adds your own."""

_ALIASES = {"mse": "mean_squared_error"}


def register_cost(name: str, cost: _Cost) -> _Cost:
    """Register your own cost by name, for `Learner`, config files and the command line; return it.

    Args:
        name: one word; it replaces your earlier cost of that name.
        cost: an instance with the members of `Cost`, such as ``Huber(delta=2.0)``.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or ``cost`` is not a cost.
    """
    checks.instance("cost", cost, Cost, "a value with name, encode, evaluate and predictions, such as Huber(delta=2.0)")
    COSTS.register(_ALIASES.get(checks.text("name", name), name), cost)
    return cost


def cost(cost: str | Cost) -> Cost:
    """Return the cost of this name, or the cost itself; ``mse`` stands for ``mean_squared_error``.

    Raises:
        ConfigError: there is no cost of this name, or something that is no cost.
    """
    if isinstance(cost, str):
        return COSTS.find(_ALIASES.get(cost, cost))
    return checks.instance("cost", cost, Cost, 'a name such as "mse", or a cost such as MeanSquaredError()')


__all__ = ["COSTS", "Cost", "MeanSquaredError", "SigmoidCrossEntropy", "SoftmaxCrossEntropy", "cost", "register_cost"]
