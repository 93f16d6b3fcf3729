"""The rectifier that learns its slope for negative inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape, frozen
from annex_actors.layers.columns import column_sums, tiled, wide
from annex_actors.layers.layer import Factors, Saved


@dataclass(frozen=True)
class Prelu:
    """``x`` above 0, ``weight * x`` below, where the weight is learned: one, or one for each channel.

    Samples have any shape, of which the last axis holds the channels. Its parameter is ``weight``, shape
    ``(num_parameters,)``.

    Args:
        num_parameters: 1, or the number of channels.
        init: the initial weights.

    Raises:
        ConfigError: a setting out of range.
        ShapeError: samples with another number of channels.

    Source:
        He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """

    num_parameters: int = 1
    init: float = 0.25

    rectifies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.keep(
            self,
            num_parameters=checks.whole_number("num_parameters", self.num_parameters, at_least=1),
            init=checks.real_number("init", self.init) + 0.0,
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "prelu"

    def spec(self) -> str:
        """Return ``prelu``, and the settings that are not the default."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: there are several weights, but not one for each channel.
        """
        if self.num_parameters != 1 and input_shape[-1:] != (self.num_parameters,):
            wanted = f"(..., {self.num_parameters})"
            raise ShapeError(f"expected samples of shape {wanted}, a weight for each channel, got {input_shape}")
        return input_shape

    def work(self, input_shape: Shape) -> int:
        """Return one multiplication for each number."""
        return math.prod(input_shape)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return ``init`` for each weight."""
        return frozen({"weight": np.full(self.num_parameters, self.init, dtype)})

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``max(x, 0) + weight * min(x, 0)``; save the inputs."""
        rows = wide(inputs, self.num_parameters)
        outputs = rows.clip(-math.inf, 0)
        outputs *= tiled(parameters["weight"], rows)
        outputs += rows.clip(0, math.inf)
        return outputs.reshape(inputs.shape), inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output``, times the weight where the input was negative; and the microbatch's weight gradient.

        The factor is ``grad_output * min(x, 0)`` summed over the microbatch, shape ``(1, num_parameters)``.
        """
        inputs, rows = wide(saved, self.num_parameters), wide(grad_output, self.num_parameters)
        factors = (column_sums(rows * inputs.clip(-math.inf, 0), self.num_parameters)[np.newaxis],)
        if not input_wanted:
            return None, factors
        positive = (inputs > 0).astype(rows.dtype)
        slopes = 1 - positive
        slopes *= tiled(parameters["weight"], rows)
        slopes += positive
        slopes *= rows
        return slopes.reshape(grad_output.shape), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return the sum of the microbatches' gradients."""
        return {"weight": factors[0].sum(axis=0)}


prelu = Prelu
"""The layer's name in networks."""
