"""RMS norm: it divides each position of each sample by the root of the mean square of its features."""

from __future__ import annotations

import math
from dataclasses import dataclass

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.norms.affine import affine_gradient, check_axes, initial_affine
from annex_actors.layers.norms.rows import as_rows, gradients, inverse_root, mean_products, times


@dataclass(frozen=True)
class RmsNorm:
    """``x / sqrt(mean(x**2) + epsilon) * weight``, by the mean square of each row of features.

    Samples have shape ``(..., features)``. Its parameter is ``weight``, shape ``(features,)``.

    Args:
        epsilon: what is added to the mean square, > 0.
        scale: whether there is a weight.

    Raises:
        ConfigError: a setting out of range.
        ShapeError: samples without an axis.

    Source:
        Zhang, Sennrich (2019), Root mean square layer normalization.
    """

    epsilon: float = 1e-6
    scale: bool = True

    def __post_init__(self) -> None:
        checks.keep(
            self,
            epsilon=checks.real_number("epsilon", self.epsilon, above=0),
            scale=checks.boolean("scale", self.scale),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "rms_norm"

    def spec(self) -> str:
        """Return ``rms_norm``, and the settings that are not the default."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples without an axis.
        """
        check_axes(input_shape)
        return input_shape

    def work(self, input_shape: Shape) -> int:
        """Return three multiplications for each number: its square, its product with the row's scale and the weight."""
        return 3 * math.prod(input_shape)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return a weight of ones."""
        return initial_affine(input_shape[-1:], dtype, scale=self.scale, center=False)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs; save the inputs divided by their root mean squares, and one over these."""
        rows = as_rows(inputs)
        inverse = inverse_root(rows, self.epsilon)
        normed: Floats = rows * inverse
        outputs = times(normed, parameters["weight"]) if self.scale else normed
        return outputs.reshape(inputs.shape), (normed, inverse)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and the microbatch's gradient for the weight, shape ``(1, features)``.

        With x for the outputs before the weight and g for ``grad_output * weight``, dC/dinputs is
        ``inverse * (g - x * mean(g * x))``.
        """
        normed, inverse = saved
        rows = as_rows(grad_output)
        factors = gradients(normed, rows)[:1]
        if not input_wanted:
            return None, factors
        grad_input = times(rows, parameters.get("weight"))
        grad_input -= normed * mean_products(grad_input, normed)
        grad_input *= inverse
        return grad_input.reshape(grad_output.shape), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return the sum of the microbatches' gradients."""
        return affine_gradient(factors, scale=self.scale, center=False)


rms_norm = RmsNorm
"""The layer's name in networks."""
