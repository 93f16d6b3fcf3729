"""Depthwise convolutions: each channel has filters of its own, so that there are no products of matrices.

For each position in a window, the pixels there are multiplied by the weights, in blocks that stay in the cache. Shapes
are those of `convolution`, with ``weight`` of shape ``(*kernel, 1, filters)``; the filters of a channel are neighbours.
"""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers.columns import column_sums, wide
from annex_actors.layers.images.convolution import gathered, sample_blocks
from annex_actors.layers.windows import Windows


def convolve(images: Floats, weight: Floats, bias: Floats, *, windows: Windows) -> Floats:
    """Return the outputs, shape ``(samples, down, across, filters)``."""
    filters = weight.shape[-1]
    outputs = np.empty((len(images), *windows.counts, filters), images.dtype)
    rows, biases = _rows(weight, windows), _row(bias, windows)
    for block in sample_blocks(len(images), outputs[:1].nbytes):
        padded, output = _repeated(windows.pad(images[block]), filters), outputs[block]
        output[...] = biases
        for position, index in windows.taps:
            output += padded[index] * rows[position]
    return outputs


def input_gradient(grad_output: Floats, weight: Floats, *, windows: Windows, channels: int) -> Floats:
    """Return dC/dimages, shape ``(samples, height, width, channels)``."""
    rows = _rows(weight, windows)

    def add(padded: Floats, block: slice) -> None:
        for position, index in windows.taps:
            pixels = grad_output[block] * rows[position]
            if pixels.shape[-1] != channels:
                pixels = pixels.reshape(*pixels.shape[:-1], channels, -1).sum(axis=-1)
            padded[index] += pixels

    return gathered(len(grad_output), channels, windows, grad_output.dtype, add)


def weight_gradient(images: Floats, grad_output: Floats, *, windows: Windows) -> Floats:
    """Return dC/dweight, shape ``(*kernel, 1, filters)``, summed over the samples."""
    filters = grad_output.shape[-1]
    total = np.zeros((*windows.kernel, 1, filters), images.dtype)
    for block in sample_blocks(len(images), grad_output[:1].nbytes):
        padded, gradient = _repeated(windows.pad(images[block]), filters), grad_output[block]
        for position, index in windows.taps:
            total[position] += column_sums(wide(padded[index] * gradient, filters), filters)
    return total


def _rows(weight: Floats, windows: Windows) -> dict[tuple[int, ...], Floats]:
    """Return, for each position in a window, the weights there for each output of a row."""
    return {position: _row(weight[position][0], windows) for position, _ in windows.taps}


def _row(numbers: Floats, windows: Windows) -> Floats:
    # As long as a row of outputs, for speed: see `columns`.
    return np.tile(numbers, (windows.counts[1], 1))


def _repeated(images: Floats, filters: int) -> Floats:
    """Return the images with each channel as often as it has filters."""
    channels = images.shape[-1]
    return images if channels == filters else np.repeat(images, filters // channels, axis=-1)
