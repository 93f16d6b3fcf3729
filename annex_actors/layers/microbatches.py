"""Whether the layers of a network learn from microbatches of a size, looked at before any actor starts."""

from __future__ import annotations

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Shape
from annex_actors.base.words import counted
from annex_actors.layers.layer import NeedsSamples
from annex_actors.layers.network import Network


def check_microbatches(network: Network, input_shape: Shape, samples: int) -> None:
    """Check that every layer learns something from microbatches of at most so many samples.

    Args:
        network: that is trained.
        input_shape: the shape of one input sample.
        samples: of the largest microbatch.

    Raises:
        ConfigError: a layer needs more (`NeedsSamples`); the message names it.
    """
    for index, (layer, shape) in enumerate(zip(network.layers, network.shapes(input_shape), strict=False)):
        if isinstance(layer, NeedsSamples) and (fewest := layer.fewest_samples(shape)) > samples:
            wanted = f"at least {counted(fewest, 'sample')} for layer {index} ({layer.spec()})"
            raise ConfigError(
                f"expected microbatches of {wanted}, got {samples}; cut the batch into fewer, or make it larger"
            )
