"""Group norm: it standardises groups of channels of each sample, over all positions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.norms.affine import affine_gradient, check_axes, initial_affine
from annex_actors.layers.norms.groups import Groups, Standardized


@dataclass(frozen=True)
class GroupNorm:
    """``(x - mean) / sqrt(variance + epsilon) * weight + bias``, by the statistics of groups of channels of a sample.

    Samples have shape ``(..., channels)``; the statistics of a group are over its channels and all positions. With as
    many groups as channels this is instance norm. Its parameters are ``weight`` and ``bias``, shape ``(channels,)``.

    Args:
        groups: into how many groups the channels are cut, >= 1; a divisor of their number.
        epsilon: what is added to the variance, > 0.
        scale: whether there is a weight.
        center: whether there is a bias.

    Raises:
        ConfigError: a setting out of range.
        ShapeError: samples without an axis, or channels that cannot be cut into so many groups.

    Source:
        Wu, He (2018), Group normalization; Ulyanov, Vedaldi, Lempitsky (2016), Instance normalization: the missing
        ingredient for fast stylization.
    """

    groups: int
    epsilon: float = 1e-5
    scale: bool = True
    center: bool = True

    def __post_init__(self) -> None:
        checks.keep(
            self,
            groups=checks.whole_number("groups", self.groups, at_least=1),
            epsilon=checks.real_number("epsilon", self.epsilon, above=0),
            scale=checks.boolean("scale", self.scale),
            center=checks.boolean("center", self.center),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "group_norm"

    def spec(self) -> str:
        """Return ``group_norm:groups``, and the settings that are not the default."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples without an axis, or channels that cannot be cut into so many groups.
        """
        check_axes(input_shape)
        if input_shape[-1] % self.groups:
            wanted = f"(..., channels), the channels a multiple of the number of groups, {self.groups}"
            raise ShapeError(f"expected samples of shape {wanted}, got {input_shape}")
        return input_shape

    def work(self, input_shape: Shape) -> int:
        """Return two multiplications for each number: its square, and its product with the slope."""
        return 2 * math.prod(input_shape)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return a weight of ones and a bias of zeros."""
        return initial_affine(input_shape[-1:], dtype, scale=self.scale, center=self.center)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the standardised inputs, which are also saved."""
        samples, channels = len(inputs), inputs.shape[-1]
        groups = Groups(samples, math.prod(inputs.shape[1:-1]), channels, self.groups)
        x = groups.wide(inputs)
        means = np.tile(groups.means(groups.sums(x)), x.shape[-1] // channels)
        centred = x - means[:, np.newaxis]
        variance = groups.means(groups.products(centred, centred))
        standardized = Standardized(groups, centred, 1 / np.sqrt(variance + self.epsilon))
        outputs = standardized.outputs(parameters.get("weight"), parameters.get("bias"))
        return outputs.reshape(inputs.shape), standardized

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and each sample's gradients for weight and bias, shape ``(microbatch, channels)``."""
        g = saved.groups.wide(grad_output)
        sums = saved.sums(g)
        factors = sums[0] * saved.inverse, sums[1]
        if not input_wanted:
            return None, factors
        return saved.pull_back(g, sums, parameters.get("weight")).reshape(grad_output.shape), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return the sums of the samples' gradients."""
        return affine_gradient(factors, scale=self.scale, center=self.center)


group_norm = GroupNorm
"""The layer's name in networks."""
