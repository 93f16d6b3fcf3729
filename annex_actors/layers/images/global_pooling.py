"""Global pooling: one number for each channel, from all positions of an image or a sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base.errors import ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved


@dataclass(frozen=True)
class GlobalAvgPool:
    """The mean over all axes but the last: ``y[c] = mean(x[..., c])``.

    Samples have the shape ``(..., channels)``, such as images ``(height, width, channels)``; outputs ``(channels,)``.

    Source:
        Lin, Chen, Yan (2014), Network in network, section 3.2.
    """

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "global_avg_pool"

    def spec(self) -> str:
        """Return ``global_avg_pool``."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(channels,)``.

        Raises:
            ShapeError: samples with fewer than two axes.
        """
        return _pooled(input_shape)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the means, shape ``(microbatch, channels)``; save the shape of ``inputs``."""
        means: Floats = _positions(inputs).mean(axis=1)
        return means, inputs.shape

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return an equal part of ``grad_output`` for each position."""
        shares = grad_output / math.prod(saved[1:-1])
        positions = np.expand_dims(shares, tuple(range(1, len(saved) - 1)))
        return np.ascontiguousarray(np.broadcast_to(positions, saved)), ()


@dataclass(frozen=True)
class GlobalMaxPool:
    """The largest number over all axes but the last: ``y[c] = max(x[..., c])``.

    Samples have the shape ``(..., channels)``, outputs ``(channels,)``. The gradient goes to the largest number, in a
    tie to the first one.

    Source:
        Oquab, Bottou, Laptev, Sivic (2015), Is object localization for free?
    """

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "global_max_pool"

    def spec(self) -> str:
        """Return ``global_max_pool``."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(channels,)``.

        Raises:
            ShapeError: samples with fewer than two axes.
        """
        return _pooled(input_shape)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the largest numbers, shape ``(microbatch, channels)``; save ``inputs``."""
        return _positions(inputs).max(axis=1), inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` where the largest numbers are, and zeros."""
        gradient = np.zeros(saved.shape, saved.dtype)
        largest = _positions(saved).argmax(axis=1, keepdims=True)
        np.put_along_axis(_positions(gradient), largest, grad_output[:, np.newaxis], axis=1)
        return gradient, ()


def _pooled(input_shape: Shape) -> Shape:
    if len(input_shape) < 2:
        raise ShapeError(f"expected samples of shape (..., channels) with positions to pool over, got {input_shape}")
    return input_shape[-1:]


def _positions(samples: Floats) -> Floats:
    return samples.reshape(len(samples), -1, samples.shape[-1])


global_avg_pool = GlobalAvgPool
"""Make a layer that takes the mean over all positions."""

global_max_pool = GlobalMaxPool
"""Make a layer that takes the largest number over all positions."""
