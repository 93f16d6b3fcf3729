"""Whether samples are what the layers of a network take, looked at before any actor starts."""

from __future__ import annotations

from annex_actors.base.types import Floats
from annex_actors.layers.indices import TakesIndices, as_indices
from annex_actors.layers.layer import Stateful, Weighted
from annex_actors.layers.network import Network
from annex_actors.layers.stack import Stack, on_stack


def takes_indices(network: Network) -> bool:
    """Return whether samples are indices, so that `check_samples` has something to look at."""
    return any(isinstance(layer, TakesIndices) for layer in network.layers)


def check_samples(network: Network, inputs: Floats, what: str = "inputs", *, first_row: int = 0) -> None:
    """Check that samples are indices where a layer takes indices; other layers take any numbers.

    Asked are the layers up to the first with weights or state: what comes after it depends on the training.

    Args:
        network: that the samples are for.
        inputs: the samples, shape ``(samples, *input_shape)``.
        what: what they are, for the error.
        first_row: the number of their first row, for the error.

    Raises:
        DataError: an input that is no index; the message names the layer and the place.
    """
    if not takes_indices(network):
        return
    stack: Stack = (inputs,)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, TakesIndices):
            taker = f"layer {index} ({layer.spec()})"
            as_indices(stack[0], layer.num_indices, what=what, taker=taker, first_row=first_row)
        if isinstance(layer, Weighted | Stateful):
            return
        stack, _ = on_stack(layer).forward({}, stack, None)
