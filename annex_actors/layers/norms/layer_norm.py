"""Layer norm: it standardises each position of each sample, over its features."""

from __future__ import annotations

import math
from dataclasses import dataclass

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.norms.affine import affine_gradient, check_axes, initial_affine
from annex_actors.layers.norms.rows import as_rows, gradients, inverse_root, mean_products, means, times


@dataclass(frozen=True)
class LayerNorm:
    """``(x - mean) / sqrt(variance + epsilon) * weight + bias``, by the statistics of each row of features.

    Samples have shape ``(..., features)``. Its parameters are ``weight`` and ``bias``, of the shape of the axes that
    are normalised.

    Args:
        axes: how many of the last axes of a sample are normalised together, >= 1.
        epsilon: what is added to the variance, > 0.
        scale: whether there is a weight.
        center: whether there is a bias.

    Raises:
        ConfigError: a setting out of range.
        ShapeError: samples with fewer axes.

    Source:
        Ba, Kiros, Hinton (2016), Layer normalization.
    """

    axes: int = 1
    epsilon: float = 1e-5
    scale: bool = True
    center: bool = True

    def __post_init__(self) -> None:
        checks.keep(
            self,
            axes=checks.whole_number("axes", self.axes, at_least=1),
            epsilon=checks.real_number("epsilon", self.epsilon, above=0),
            scale=checks.boolean("scale", self.scale),
            center=checks.boolean("center", self.center),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "layer_norm"

    def spec(self) -> str:
        """Return ``layer_norm``, and the settings that are not the default."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples with fewer axes than are normalised.
        """
        check_axes(input_shape, self.axes)
        return input_shape

    def work(self, input_shape: Shape) -> int:
        """Return three multiplications for each number: its square, its product with the row's scale and the weight."""
        return 3 * math.prod(input_shape)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return a weight of ones and a bias of zeros."""
        return initial_affine(input_shape[-self.axes :], dtype, scale=self.scale, center=self.center)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs; save what was standardised, and one over the standard deviations."""
        rows = as_rows(inputs, self.axes)
        standardized: Floats = rows - means(rows)
        inverse = inverse_root(standardized, self.epsilon)
        standardized *= inverse
        outputs = times(standardized, _row(parameters, "weight"), _row(parameters, "bias"))
        return outputs.reshape(inputs.shape), (standardized, inverse)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and the microbatch's gradients for weight and bias, with an axis of length 1 in front.

        With x for what was standardised and g for ``grad_output * weight``, dC/dinputs is
        ``inverse * (g - mean(g) - x * mean(g * x))``.
        """
        standardized, inverse = saved
        rows = as_rows(grad_output, self.axes)
        shape = (1, *grad_output.shape[grad_output.ndim - self.axes :])
        factors = tuple(each.reshape(shape) for each in gradients(standardized, rows))
        if not input_wanted:
            return None, factors
        grad_input = times(rows, _row(parameters, "weight"))
        shift: Floats = standardized * mean_products(grad_input, standardized)
        shift += means(grad_input)
        grad_input -= shift
        grad_input *= inverse
        return grad_input.reshape(grad_output.shape), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return the sums of the microbatches' gradients."""
        return affine_gradient(factors, scale=self.scale, center=self.center)


def _row(parameters: Parameters, name: str) -> Floats | None:
    return parameters[name].ravel() if name in parameters else None


layer_norm = LayerNorm
"""The layer's name in networks."""
