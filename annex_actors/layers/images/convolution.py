"""Convolutions made of matrix products, for kernels that have nothing faster (`Convolves`).

The windows of a block of images are copied into a matrix with a row for each window, and one product applies all
filters to it. A block fills half of a processor's second-level cache: so the matrix, nine times as large as the images
for a kernel of 3x3, never travels to memory and back, and is no array that the system must hand out page by page. On 64
images of 28x28, 16 channels and 16 filters that takes 2.9 ms, a single matrix 5.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from annex_actors.base.types import DType, Floats
from annex_actors.layers.columns import tiled, wide
from annex_actors.layers.kernels import Kernels
from annex_actors.layers.windows import Windows

BLOCK = 2**19
"""Bytes of a matrix of windows."""

_SHORT_RUN = 12
"""Numbers of a window that lie side by side in the image; where they are fewer, the matrix is copied transposed."""

_Place: TypeAlias = tuple[slice, slice]
"""Some samples, and some rows of their outputs."""


def convolve(images: Floats, weight: Floats, bias: Floats, *, windows: Windows, kernels: Kernels) -> Floats:
    """Return the product of each window with each filter, plus the filter's bias.

    Args:
        images: shape ``(samples, height, width, channels)``.
        weight: shape ``(*kernel, channels, filters)``.
        bias: shape ``(filters,)``.
        windows: of the images.
        kernels: compute the products.

    Returns:
        A new array, shape ``(samples, down, across, filters)``.
    """
    filters = weight.shape[-1]
    outputs = np.empty((len(images), *windows.counts, filters), images.dtype)
    matrix = weight.reshape(-1, filters)
    for place, view in blocks(images, windows):
        products = wide(kernels.product(_matrix(view), matrix), filters)
        np.add(products, tiled(bias, products), out=wide(outputs[place], filters))
    return outputs


def input_gradient(grad_output: Floats, weight: Floats, *, windows: Windows, kernels: Kernels) -> Floats:
    """Return dC/dimages, shape ``(samples, height, width, channels)``, from dC/doutputs.

    For each position in a window, one product gives the gradient of the pixels there, which are added to the image. So
    long runs of numbers are added, and the matrix of all windows' gradients is never made.
    """
    channels, filters = weight.shape[2:]
    if windows.are_pixels:
        gradient = kernels.product(_rows(grad_output), weight.reshape(channels, filters).T)
        gradient.flags.writeable = False  # or a message would copy it, since it is sent as a view
        return gradient.reshape(*grad_output.shape[:-1], channels)
    transposed = {position: np.ascontiguousarray(weight[position]).T for position, _ in windows.taps}

    def add(padded: Floats, block: slice) -> None:
        rows = _rows(grad_output[block])
        for position, index in windows.taps:
            pixels = padded[index]
            pixels += kernels.product(rows, transposed[position]).reshape(pixels.shape)

    return gathered(len(grad_output), channels, windows, grad_output.dtype, add)


def weight_gradient(images: Floats, grad_output: Floats, *, windows: Windows, kernels: Kernels) -> Floats:
    """Return dC/dweight, shape ``(*kernel, channels, filters)``, summed over the samples.

    The windows are copied into matrices a second time: that takes less time than to keep them.
    """
    channels, filters = images.shape[-1], grad_output.shape[-1]
    total: Floats | None = None
    for place, view in blocks(images, windows):
        part = kernels.product(_matrix(view).T, _rows(grad_output[place]))
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total.reshape(*windows.kernel, channels, filters)


def blocks(images: Floats, windows: Windows) -> Iterator[tuple[_Place, Floats]]:
    """Yield where each block's outputs lie, and its windows, as `Windows.over` returns them."""
    (down, across), channels = windows.counts, images.shape[-1]
    row = across * windows.kernel[0] * windows.kernel[1] * channels * images.itemsize
    rows = min(max(1, BLOCK // row), down)
    samples = max(1, BLOCK // (down * row))
    for first in range(0, len(images), samples):
        view = windows.over(windows.pad(images[first : first + samples]))
        for top in range(0, down, rows):
            yield (slice(first, first + samples), slice(top, top + rows)), view[:, top : top + rows]


def gathered(
    samples: int, channels: int, windows: Windows, dtype: DType, add: Callable[[Floats, slice], None]
) -> Floats:
    """Return dC/dimages, to which the windows that look at a pixel contribute.

    Args:
        samples: how many images.
        channels: of each.
        windows: of the images.
        dtype: of the gradient.
        add: called as ``add(padded, block)``; adds to zeros the gradient of these samples, with their padding.
    """
    gradient = np.zeros((samples, *windows.image, channels), dtype)
    for block in sample_blocks(samples, gradient[:1].nbytes):
        part = gradient[block]
        if windows.are_padded:
            padded = np.zeros((len(part), *windows.padded, channels), dtype)
            add(padded, block)
            part[...] = windows.inside(padded)
        else:
            add(part, block)
    return gradient


def sample_blocks(samples: int, size: int) -> Iterator[slice]:
    """Yield blocks of samples that take ``size`` bytes each and together as many as fit into the cache."""
    step = max(1, BLOCK // size)
    for first in range(0, samples, step):
        yield slice(first, first + step)


def _rows(array: Floats) -> Floats:
    return np.ascontiguousarray(array.reshape(-1, array.shape[-1]))


def _matrix(view: Floats) -> Floats:
    """Return the windows as a matrix, a row each: in C order or as the transpose of an array in C order."""
    *_, height, width, channels = view.shape
    run = width * channels if view.strides[4] == channels * view.itemsize else channels
    if height * width > 1 and run < _SHORT_RUN:
        return np.ascontiguousarray(view.transpose(3, 4, 5, 0, 1, 2)).reshape(height * width * channels, -1).T
    return np.ascontiguousarray(view.reshape(-1, height * width * channels))
