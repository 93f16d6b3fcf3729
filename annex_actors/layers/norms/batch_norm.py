"""Batch norm: it standardises each channel over a microbatch, and by running statistics when predicting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape, frozen
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.norms.affine import affine_gradient, check_axes, initial_affine
from annex_actors.layers.norms.groups import Groups, Standardized


@dataclass(frozen=True)
class BatchNorm:
    """``(x - mean) / sqrt(variance + epsilon) * weight + bias`` for each channel, by the statistics of a microbatch.

    Samples have shape ``(..., channels)``; the statistics are over all axes but the last. Each microbatch has its own
    and, in their order, moves the running ones, by which the layer predicts. So `microbatches` decides what is learned,
    as in every pipeline with this layer; with one microbatch it is ordinary batch norm.

    A single sample without other axes has one number for each channel, and so no variance. In such a microbatch the
    outputs are the bias, no gradient passes, and the running statistics stay. A training with no other microbatches is
    refused.

    Its parameters are ``weight`` and ``bias``, its state ``running_mean`` and ``running_var``, shape ``(channels,)``.

    Args:
        momentum: the share of a microbatch in the running statistics, 0 <= momentum < 1, as in torch; Keras's
            momentum is 1 minus this.
        epsilon: what is added to the variance, > 0.
        scale: whether there is a weight.
        center: whether there is a bias.

    Raises:
        ConfigError: a setting out of range.
        ShapeError: samples without an axis.

    Source:
        Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by reducing internal covariate
        shift.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    scale: bool = True
    center: bool = True

    mixes_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.keep(
            self,
            momentum=checks.real_number("momentum", self.momentum, at_least=0, below=1),
            epsilon=checks.real_number("epsilon", self.epsilon, above=0),
            scale=checks.boolean("scale", self.scale),
            center=checks.boolean("center", self.center),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "batch_norm"

    def spec(self) -> str:
        """Return ``batch_norm``, and the settings that are not the default."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples without an axis.
        """
        check_axes(input_shape)
        return input_shape

    def fewest_samples(self, input_shape: Shape) -> int:
        """Return how many samples have two numbers for each channel, of which there is a variance."""
        return 2 if math.prod(input_shape[:-1]) == 1 else 1

    def work(self, input_shape: Shape) -> int:
        """Return two multiplications for each number: its square, and its product with the slope."""
        return 2 * math.prod(input_shape)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return a weight of ones and a bias of zeros."""
        return initial_affine(input_shape[-1:], dtype, scale=self.scale, center=self.center)

    def initial_state(self, input_shape: Shape, dtype: DType) -> Parameters:
        """Return a running mean of zeros and a running variance of ones."""
        channels = input_shape[-1]
        return frozen({"running_mean": np.zeros(channels, dtype), "running_var": np.ones(channels, dtype)})

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the standardised inputs; save them with the mean and the variance that they had."""
        channels = inputs.shape[-1]
        groups = Groups(1, inputs.size // channels, channels, channels)
        x, predicts = groups.wide(inputs), key is None
        mean = parameters["running_mean"] if predicts else groups.means(groups.sums(x))[0]
        centred = x - np.tile(mean, x.shape[-1] // channels)
        variance = parameters["running_var"] if predicts else groups.means(groups.products(centred, centred))[0]
        standardized = Standardized(groups, centred, (1 / np.sqrt(variance + self.epsilon))[np.newaxis], predicts)
        outputs = standardized.outputs(parameters.get("weight"), parameters.get("bias"))
        return outputs.reshape(inputs.shape), (standardized, mean, variance)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and four factors.

        These are the microbatch's gradients for weight and bias, its mean and its unbiased variance, each of shape
        ``(1, channels)``; ``(0, channels)`` for the last two where it has none.
        """
        standardized, mean, variance = saved
        groups, weight = standardized.groups, parameters.get("weight")
        g = groups.wide(grad_output)
        sums = standardized.sums(g)
        count = 0 if standardized.is_fixed else groups.positions
        statistics = mean, variance * (count / max(count - 1, 1))
        rows = 1 if count > 1 else 0
        factors = sums[0] * standardized.inverse, sums[1], *(np.tile(each, (rows, 1)) for each in statistics)
        if not input_wanted:
            return None, factors
        return standardized.pull_back(g, sums, weight).reshape(grad_output.shape), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return the sums of the microbatches' gradients."""
        return affine_gradient(factors, scale=self.scale, center=self.center)

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        """Return the running statistics after these microbatches: each moves them by ``momentum`` towards its own."""
        after = {name: array.copy() for name, array in state.items()}
        for *_, means, variances in factors:
            for running, own in ((after["running_mean"], means), (after["running_var"], variances)):
                for statistic in own:  # one, or none
                    running *= 1 - self.momentum
                    running += self.momentum * statistic
        return frozen(after)


batch_norm = BatchNorm
"""The layer's name in networks."""
