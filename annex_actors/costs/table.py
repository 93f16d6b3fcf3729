"""The table of costs by name, and costs as text, such as ``huber:delta=2.0``.

`register_cost` adds your own costs, which then have a name in Python, in config files and on the command line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from annex_actors.base import checks
from annex_actors.base.calls import parse_call, usage_of
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.costs.cosine_similarity import CosineSimilarity
from annex_actors.costs.cost import Cost
from annex_actors.costs.focal import Focal
from annex_actors.costs.hinge import Hinge
from annex_actors.costs.huber import Huber
from annex_actors.costs.kl_divergence import KlDivergence
from annex_actors.costs.mean_absolute_error import MeanAbsoluteError
from annex_actors.costs.mean_squared_error import MeanSquaredError
from annex_actors.costs.poisson import Poisson
from annex_actors.costs.sigmoid_cross_entropy import SigmoidCrossEntropy
from annex_actors.costs.softmax_cross_entropy import SoftmaxCrossEntropy

Constructor: TypeAlias = Callable[..., Cost]
"""Makes a cost from the arguments of its text. The first line of its docstring says what the cost is."""

_Given = TypeVar("_Given", bound=Cost | type[Cost])

COSTS: Table[Constructor] = Table(
    "cost",
    {
        "mean_squared_error": MeanSquaredError,
        "mean_absolute_error": MeanAbsoluteError,
        "huber": Huber,
        "softmax_cross_entropy": SoftmaxCrossEntropy,
        "sigmoid_cross_entropy": SigmoidCrossEntropy,
        "focal": Focal,
        "hinge": Hinge,
        "poisson": Poisson,
        "kl_divergence": KlDivergence,
        "cosine_similarity": CosineSimilarity,
    },
)
"""What makes the costs, by name; `register_cost` adds your own."""

_ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}

_MEMBERS = ("name", "encode", "evaluate", "predictions")
_WANTED = f"a cost's class, or a value with {', '.join(_MEMBERS[:-1])} and {_MEMBERS[-1]}, such as Huber(delta=2.0)"


def register_cost(name: str, cost: _Given) -> _Given:
    """Register your own cost by name, for `Learner`, config files and the command line; return it.

    Args:
        name: one word; it replaces your earlier cost of that name.
        cost: a class with the members of `Cost`, whose settings then follow the name, as in ``mine:delta=2.0``; or an
            instance, such as ``Mine(delta=2.0)``.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or ``cost`` is not a cost.
    """
    COSTS.register(_ALIASES.get(checks.text("name", name), name), _constructor(cost))
    return cost


def cost(cost: str | Cost) -> Cost:
    """Return the cost that a text describes, such as ``huber`` or ``huber:delta=2.0``, or the cost itself.

    ``mse`` stands for ``mean_squared_error``, and ``mae`` for ``mean_absolute_error``.

    Raises:
        ConfigError: there is no cost of this name, a wrong setting, or something that is no cost.
    """
    if not isinstance(cost, str):
        return checks.instance("cost", cost, Cost, 'a name such as "mse", or a cost such as MeanSquaredError()')
    name, colon, arguments = cost.partition(":")
    name = _ALIASES.get(name, name)
    constructor = COSTS.find(name)
    usage = f"`cost` as {usage_of(name, constructor)}"
    return parse_call(name + colon + arguments, usage=usage).make(constructor, usage=usage, text=cost, place="cost")


def spec_of(cost: Cost) -> str:
    """Return a cost's text; the name of a cost without one."""
    return str(cost.spec()) if hasattr(cost, "spec") else cost.name


def _constructor(given: Any) -> Constructor:
    if isinstance(given, type):
        if not set(_MEMBERS) <= {*dir(given), *getattr(given, "__dataclass_fields__", ())}:
            raise ConfigError(f"expected `cost` to be {_WANTED}, got {shown(given)}")
        return given
    found: Cost = checks.instance("cost", given, Cost, _WANTED)

    def same() -> Cost:
        return found

    same.__doc__ = inspect.getdoc(type(found))
    return same
