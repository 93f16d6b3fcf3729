"""The work of a layer, estimated from shapes alone.

Nothing is measured: with asynchronous schedules the placement decides which version of the weights a microbatch uses,
so the same network must be cut at the same places on every machine and in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from annex_actors.base.types import Parameters, Shape
from annex_actors.layers import AnyLayer, EstimatesWork, Network

PASS = 30
"""Operations of a matrix product that take as long as one pass over a number: 20 to 60 were measured for a relu."""


def layer_work(multiplications: int, output_shape: Shape, *, is_first: bool = False) -> int:
    """Return the work of a layer for one sample, forward and backward, in operations of a matrix product.

    Three products (outputs, input gradient, weight gradient) have the same number of multiplications, each with an
    addition. And there are two passes over the outputs, one forward and one backward.

    Args:
        multiplications: in the layer's forward pass of one sample.
        output_shape: of one sample.
        is_first: whether it is the network's first layer, whose input gradient is not computed.
    """
    products = 2 if is_first else 3
    return 2 * products * multiplications + 2 * PASS * prod(output_shape)


def network_work(network: Network, input_shape: Shape, parameters: Sequence[Parameters]) -> tuple[int, ...]:
    """Return the work of every layer and, as the last number, that of the cost.

    Args:
        network: the layers.
        input_shape: of one sample.
        parameters: of each layer.

    Raises:
        ShapeError: two neighbours do not fit.
    """
    shapes = network.shapes(input_shape)
    layers = zip(network.layers, parameters, pairwise(shapes), strict=True)
    return (
        *(
            layer_work(multiplications(layer, each, before), after, is_first=not index)
            for index, (layer, each, (before, after)) in enumerate(layers)
        ),
        layer_work(0, shapes[-1]),
    )


def multiplications(layer: AnyLayer, parameters: Parameters, input_shape: Shape) -> int:
    """Return the multiplications in a layer's forward pass of one sample: its own estimate, or one for each weight."""
    if isinstance(layer, EstimatesWork):
        return layer.work(input_shape)
    return sum(array.size for array in parameters.values())
