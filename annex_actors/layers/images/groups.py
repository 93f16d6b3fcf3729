"""Convolutions in groups, by whatever computes them fastest.

With groups, the channels and the filters are cut into as many parts, and the filters of a part look at its channels
only. Shapes are those of `convolution`, with ``weight`` of shape ``(*kernel, channels / groups, filters)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from annex_actors.base.types import Array, Floats
from annex_actors.layers.images import convolution, depthwise, kernel_rows
from annex_actors.layers.kernels import Convolves, Kernels
from annex_actors.layers.windows import Windows


def convolve(
    images: Floats, weight: Floats, bias: Floats, *, windows: Windows, groups: int, kernels: Kernels
) -> Floats:
    """Return the outputs of the filters for each window, shape ``(samples, down, across, filters)``."""
    if (own := _own(kernels)) is not None:
        return own.convolve(images, weight, bias, windows=windows, groups=groups)
    if groups == images.shape[-1] > 1:
        return depthwise.convolve(images, weight, bias, windows=windows)
    way = kernel_rows if kernel_rows.suits(windows, weight.shape[2]) else convolution
    return _grouped(partial(way.convolve, windows=windows, kernels=kernels), groups, images, weight, bias)


def input_gradient(grad_output: Floats, weight: Floats, *, windows: Windows, groups: int, kernels: Kernels) -> Floats:
    """Return dC/dimages, shape ``(samples, height, width, channels)``."""
    if (own := _own(kernels)) is not None:
        return own.convolution_input_gradient(grad_output, weight, windows=windows, groups=groups)
    if weight.shape[2] == 1 < groups:
        return depthwise.input_gradient(grad_output, weight, windows=windows, channels=groups)
    filters = weight.shape[3] // groups
    way = kernel_rows if kernel_rows.suits(kernel_rows.turned_round(windows), filters) else convolution
    return _grouped(partial(way.input_gradient, windows=windows, kernels=kernels), groups, grad_output, weight)


def weight_gradient(images: Floats, grad_output: Floats, *, windows: Windows, groups: int, kernels: Kernels) -> Floats:
    """Return dC/dweight, shape ``(*kernel, channels / groups, filters)``, summed over the samples."""
    if (own := _own(kernels)) is not None:
        return own.convolution_weight_gradient(images, grad_output, windows=windows, groups=groups)
    if groups == images.shape[-1] > 1:
        return depthwise.weight_gradient(images, grad_output, windows=windows)
    way = kernel_rows if kernel_rows.suits(windows, images.shape[-1] // groups) else convolution
    return _grouped(partial(way.weight_gradient, windows=windows, kernels=kernels), groups, images, grad_output)


@lru_cache  # the look at a protocol takes as long as a small convolution
def _own(kernels: Kernels) -> Convolves | None:
    return kernels if isinstance(kernels, Convolves) else None


def _grouped(function: Callable[..., Floats], groups: int, *arrays: Array) -> Floats:
    """Apply a function to each group's part of the arrays, and lay the results side by side; all on their last axis."""
    if groups == 1:
        return function(*arrays)
    parts = zip(*(np.split(array, groups, axis=-1) for array in arrays), strict=True)
    return np.concatenate([function(*each) for each in parts], axis=-1)
