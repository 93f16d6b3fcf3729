"""A network: layers in a row, checked and counted as a whole before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Parameters, Shape
from annex_actors.layers.activation import Activation
from annex_actors.layers.dense import Dense
from annex_actors.layers.dropout import Dropout
from annex_actors.layers.flatten import Flatten
from annex_actors.layers.functions import Relu
from annex_actors.layers.kernels import Kernels, UsesKernels
from annex_actors.layers.layer import Layer


@dataclass(frozen=True)
class Network:
    """Layers in the order in which a sample passes through them; made by `sequence` or `parse_layers`."""

    layers: tuple[Layer, ...]

    def shapes(self, input_shape: Shape) -> tuple[Shape, ...]:
        """Return the shapes of one sample before, between and after the layers: ``len(layers) + 1`` of them.

        Raises:
            ShapeError: two neighbours do not fit; the message names both and both shapes.
        """
        shapes = [tuple(checks.whole_number("input_shape", length, at_least=1) for length in input_shape)]
        for index, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ShapeError as error:
                before = self._label(index - 1) if index else "the data"
                raise ShapeError(
                    f"{self._label(index)} does not fit {before}, which gives samples of shape {shapes[-1]}: {error}"
                ) from error
        return tuple(shapes)

    def initial_parameters(self, input_shape: Shape, *, seed: int, dtype: np.dtype[Any]) -> tuple[Parameters, ...]:
        """Return the parameters of every layer before training, keyed by its index in the whole network.

        Args:
            input_shape: the shape of one sample of the data.
            seed: the run's seed.
            dtype: float32 or float64.

        Raises:
            ShapeError: two neighbours do not fit.
        """
        shapes = self.shapes(input_shape)
        return tuple(
            layer.initial_parameters(shape, RandomKey(seed, layer=index), np.dtype(dtype))
            for index, (layer, shape) in enumerate(zip(self.layers, shapes, strict=False))
        )

    def spec(self) -> str:
        """Return the network's text, such as ``dense:128 relu dropout:0.1 dense:10``, for `parse_layers`."""
        return " ".join(layer.spec() for layer in self.layers)

    def with_kernels(self, kernels: Kernels) -> Network:
        """Return the same network, whose layers compute with these kernels where they have a use for them."""
        return Network(
            tuple(layer.with_kernels(kernels) if isinstance(layer, UsesKernels) else layer for layer in self.layers)
        )

    def _label(self, index: int) -> str:
        return f"layer {index} ({self.layers[index].spec()})"


def sequence(*layers: Layer | Network) -> Network:
    """Return the network of these layers; a network among them stands for its own layers.

    Every dense layer learns here whether a relu follows, on which its "auto" initial weights depend.

    Raises:
        ConfigError: no layers, or something that is no layer.
    """
    flat = tuple(_flattened(layers))
    if not flat:
        raise ConfigError("expected `sequence` to have at least one layer, got none")
    return Network(tuple(_settled(layer, flat[index + 1 :]) for index, layer in enumerate(flat)))


def _flattened(layers: Iterable[Layer | Network]) -> Iterable[Layer]:
    for position, layer in enumerate(layers):
        if isinstance(layer, Network):
            yield from layer.layers
        elif isinstance(layer, Layer) and not isinstance(layer, type):
            yield layer
        else:
            raise ConfigError(
                f"expected argument {position} of `sequence` to be a layer or a network, got {layer!r}; "
                "make layers with dense(...), activation(...), dropout(...), flatten()"
            )


def _settled(layer: Layer, following: tuple[Layer, ...]) -> Layer:
    """Return ``layer``, told about the next activation if it is dense."""
    if not isinstance(layer, Dense):
        return layer
    upper = next((each for each in following if not isinstance(each, Dropout | Flatten)), None)
    return replace(layer, before_relu=isinstance(upper, Activation) and isinstance(upper.function, Relu))
