"""Convolutions made of a matrix product for each row of the kernel, which copy a third as much for a kernel of 3x3.

Of each window only one row is copied, into a matrix with a row for each row of a window that lies in the padded image.
With a stride of 1, the next rows of all windows lie a fixed number of matrix rows further on. So the product of the
first row of the kernel with this matrix, plus that of the second row with the matrix from there on, and so on, is the
convolution. Matrix rows at the lower edge of an image, where no window begins, are computed in vain.

Shapes are those of `convolution`. On 64 images of 28x28, 16 channels and 16 filters a convolution takes 3.5 ms instead
of 4.3, its input gradient 3.4 instead of 4.7, and its weight gradient 3.3 instead of 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers.columns import tiled, wide
from annex_actors.layers.images.convolution import BLOCK
from annex_actors.layers.kernels import Kernels
from annex_actors.layers.windows import Pair, Windows

_SHORT_RUN = 12
"""Numbers in a row of a window; with fewer, the products are too small to be fast."""

_MOST_IN_VAIN = 1 / 8
"""The part of the matrix rows that may be computed in vain: more costs as much as the copies that are saved."""


def suits(windows: Windows, channels: int) -> bool:
    """Return whether these functions are the fastest ones for images with so many channels."""
    in_vain = windows.padded[0] - windows.counts[0]
    return (
        windows.stride == (1, 1)
        and windows.dilation[1] == 1
        and min(*windows.before, *windows.after) >= 0
        and windows.kernel[0] > 1
        and windows.kernel[1] * channels >= _SHORT_RUN
        and in_vain <= windows.padded[0] * _MOST_IN_VAIN
    )


def convolve(images: Floats, weight: Floats, bias: Floats, *, windows: Windows, kernels: Kernels) -> Floats:
    """Return the product of each window with each filter, plus the filter's bias."""
    (down, across), filters = windows.counts, weight.shape[-1]
    outputs = np.empty((len(images), down, across, filters), images.dtype)
    first, *others = weight.reshape(len(weight), -1, filters)
    for block, matrix in _matrices(images, windows):
        starts, length = _starts(matrix, windows)
        sums = kernels.product(matrix[:length], first)
        for start, row in zip(starts[1:], others, strict=True):
            sums += kernels.product(matrix[start : start + length], row)
        part = outputs[block]
        of_one = windows.padded[0] * across
        whole = (len(part) - 1) * of_one  # the sums end with the last output, not with the padded image
        part[:-1] = sums[:whole].reshape(-1, windows.padded[0], across, filters)[:, :down]
        part[-1] = sums[whole:].reshape(down, across, filters)
        side_by_side = wide(part, filters)
        side_by_side += tiled(bias, side_by_side)
    return outputs


def input_gradient(grad_output: Floats, weight: Floats, *, windows: Windows, kernels: Kernels) -> Floats:
    """Return dC/dimages: the convolution of dC/doutputs with the kernel turned round, its filters as channels."""
    turned = np.ascontiguousarray(weight[::-1, ::-1].transpose(0, 1, 3, 2))
    bias = np.zeros(turned.shape[-1], grad_output.dtype)
    return convolve(grad_output, turned, bias, windows=turned_round(windows), kernels=kernels)


def weight_gradient(images: Floats, grad_output: Floats, *, windows: Windows, kernels: Kernels) -> Floats:
    """Return dC/dweight, summed over the samples."""
    (down, across), filters = windows.counts, grad_output.shape[-1]
    total: list[Floats] = []
    for block, matrix in _matrices(images, windows):
        part = grad_output[block]
        padded = np.zeros((len(part), windows.padded[0], across, filters), part.dtype)
        padded[:, :down] = part  # zeros where no window begins
        starts, length = _starts(matrix, windows)
        gradient = padded.reshape(-1, filters)[:length]
        parts = [kernels.product(matrix[start : start + length].T, gradient) for start in starts]
        total = [np.add(*each, out=each[0]) for each in zip(total, parts, strict=True)] if total else parts
    return np.stack(total).reshape(*windows.kernel, images.shape[-1], filters)


def turned_round(windows: Windows) -> Windows:
    """Return the windows of dC/doutputs, for windows with a stride of 1: each pixel's holds the outputs that saw it.

    Their padding is negative, which `suits` refuses, where the images are padded by more than a kernel reaches.
    """

    def beyond(padding: Pair) -> Pair:
        height, width = (
            (size - 1) * gap - pad for size, gap, pad in zip(windows.kernel, windows.dilation, padding, strict=True)
        )
        return height, width

    before, after = beyond(windows.before), beyond(windows.after)
    return Windows(windows.counts, windows.kernel, windows.stride, windows.dilation, before, after)


def _matrices(images: Floats, windows: Windows) -> Iterator[tuple[slice, Floats]]:
    """Yield blocks of samples, and the rows of their windows: shape ``(samples * padded height * across, row)``."""
    height, across = windows.padded[0], windows.counts[1]
    row = windows.kernel[1] * images.shape[-1]
    run = np.dtype((np.void, row * images.itemsize))  # raw bytes, which NumPy copies three times as fast as numbers
    step = max(1, BLOCK // (height * across * run.itemsize))
    for first in range(0, len(images), step):
        block = slice(first, first + step)
        padded = np.ascontiguousarray(windows.pad(images[block]))
        _, down, right, _ = padded.strides
        rows: Floats = np.ndarray((len(padded) * height, across), run, padded, strides=(down, right))
        yield block, rows.copy().view(images.dtype).reshape(-1, row)


def _starts(matrix: Floats, windows: Windows) -> tuple[list[int], int]:
    """Return where the matrix begins for each row of the kernel, and how many of its rows there are for each."""
    starts = [row * windows.dilation[0] * windows.counts[1] for row in range(windows.kernel[0])]
    return starts, len(matrix) - starts[-1]
