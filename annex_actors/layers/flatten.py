"""The layer that makes one row of numbers of every sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved


def flatten() -> Flatten:
    """Return the layer that makes samples of shape ``(28, 28)`` samples of shape ``(784,)``."""
    return Flatten()


@dataclass(frozen=True)
class Flatten:
    """A layer that lays the numbers of a sample in one row, last axis first; a view, since no number changes."""

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "flatten"

    def spec(self) -> str:
        """Return ``flatten``."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(features,)``, the product of ``input_shape``."""
        return (math.prod(input_shape),)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs`` with shape ``(microbatch, features)``, and save the shape they had."""
        return inputs.reshape(len(inputs), math.prod(inputs.shape[1:])), inputs.shape

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` in the shape of the inputs."""
        return grad_output.reshape(saved), ()
