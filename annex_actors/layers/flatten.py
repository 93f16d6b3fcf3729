"""The flatten layer: it turns every sample into one row of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved


def flatten() -> Flatten:
    """Return the layer that turns samples of any shape, such as ``(28, 28)``, into rows, such as ``(784,)``."""
    return Flatten()


@dataclass(frozen=True)
class Flatten:
    """A layer that puts the numbers of a sample in one row, in C order; its outputs are a view of its inputs."""

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "flatten"

    def spec(self) -> str:
        """Return ``flatten``."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(features,)``, where features is the product of ``input_shape``."""
        return (math.prod(input_shape),)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs`` with shape ``(microbatch, features)``; save their old shape."""
        return inputs.reshape(len(inputs), math.prod(inputs.shape[1:])), inputs.shape

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` in the shape of the inputs."""
        return grad_output.reshape(saved), ()
