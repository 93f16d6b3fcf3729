"""What the tables of `from_modules` and `to_modules` consist of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Shape
from annex_actors.layers.layer import Layer

Order: TypeAlias = tuple[int, ...]
"""The axes of an array in another order, as ``numpy.transpose`` takes them."""

TRANSPOSED: Order = (1, 0)
"""Of a matrix with a row for each input, to one with a row for each output, and back."""


@dataclass(frozen=True)
class FromRow:
    """What a torch module becomes.

    Args:
        layers: the first of them has the weights.
        weights: by name.
        positions: how many axes of positions come before the channels, which are last; 0: samples as torch has them;
            None: the layer does not mind.
        axes: how many axes its outputs have; None: as many as its inputs.
    """

    layers: tuple[Layer, ...]
    weights: Mapping[str, Array] = field(default_factory=dict)
    positions: int | None = None
    axes: int | None = None


@dataclass(frozen=True)
class ToRow:
    """What a layer becomes.

    Args:
        module: the torch module.
        orders: of the axes of the weights that torch keeps in another order than the layer.
        is_channels_first: whether the module takes channels before positions; None: it does not mind.
    """

    module: Any
    orders: Mapping[str, Order] = field(default_factory=dict)
    is_channels_first: bool | None = False


FromModule: TypeAlias = Callable[[Any, "int | None"], FromRow]
"""Makes the row of a module, given how many axes its samples have; None: unknown."""

ToModule: TypeAlias = Callable[[Any, Shape, Shape], ToRow]
"""Makes the row of a layer, given the shapes of one sample before and after it."""


def kept(module: Any, orders: Mapping[str, Order] = MappingProxyType({})) -> dict[str, Array]:
    """Return what a torch module keeps, by name; arrays that are named in ``orders`` with their axes in that order."""
    found = {name: each.detach().cpu().numpy().copy() for name, each in module.state_dict().items()}
    return {name: each.transpose(orders.get(name, range(each.ndim))) for name, each in found.items()}


def require(module: Any, **wanted: object) -> None:
    """Refuse a torch module whose settings are not those that a layer has."""
    for setting, value in wanted.items():
        if getattr(module, setting) != value:
            refuse(module, setting)


def refuse(module: Any, setting: str) -> NoReturn:
    """Refuse a torch module for a setting that no layer has."""
    got = f"{setting} {shown(getattr(module, setting))}"
    raise ConfigError(f"expected {type(module).__name__} with settings of a layer, got {got}; make it a torch_module")
