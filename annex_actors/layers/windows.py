"""Where the windows of an image lie: what a convolution or a pooling looks at, position by position.

An image here is an array of shape ``(height, width, channels)``. A sequence, of shape ``(length, channels)``, is an
image of height 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Floats, Shape

Pair: TypeAlias = tuple[int, int]
"""A number for the height, and one for the width."""

Tap: TypeAlias = tuple[Pair, tuple[slice, slice, slice]]
"""A position in a window, and where the pixels there lie in an array of images."""

Sizes: TypeAlias = int | tuple[int, ...]
"""A setting of windows: one number for all axes, or a number for each."""

Padding: TypeAlias = str | int | tuple[int, ...]
"""How far windows may reach over the edge; see `checked_padding`."""

_LIMIT = 2**20

_SAME, _VALID = "same", "valid"


@dataclass(frozen=True)
class Windows:
    """The windows of images of one size; what follows from the settings is computed once.

    Args:
        image: the size of the images.
        kernel: the size of a window, in pixels of the image that it looks at.
        stride: how far it is from one window to the next.
        dilation: how far it is from one pixel of a window to the next.
        before: rows above and columns to the left of the image that windows reach.
        after: rows below and columns to the right.
    """

    image: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair = (1, 1)
    before: Pair = (0, 0)
    after: Pair = (0, 0)

    @cached_property
    def padded(self) -> Pair:
        """The size of an image with its padding."""
        height, width = (sum(each) for each in zip(self.before, self.image, self.after, strict=True))
        return height, width

    @cached_property
    def counts(self) -> Pair:
        """How many windows there are, down and across."""
        settings = zip(self.padded, self.kernel, self.stride, self.dilation, strict=True)
        down, across = ((size - _span(kernel, gap)) // stride + 1 for size, kernel, stride, gap in settings)
        return down, across

    @cached_property
    def are_padded(self) -> bool:
        """Whether windows reach over the edge."""
        return self.padded != self.image

    @cached_property
    def are_pixels(self) -> bool:
        """Whether each window is one pixel, and each pixel a window."""
        return self.kernel == self.stride == (1, 1) and not self.are_padded

    @cached_property
    def overlap(self) -> bool:
        """Whether a pixel may lie in several windows."""
        return any(_span(*each) > stride for *each, stride in zip(self.kernel, self.dilation, self.stride, strict=True))

    def pad(self, images: Floats, fill: float = 0) -> Floats:
        """Return images with their padding, or the images themselves if there is none.

        Args:
            images: shape ``(samples, height, width, channels)``.
            fill: the number to pad with.
        """
        if not self.are_padded:
            return images
        padded = np.full((len(images), *self.padded, images.shape[3]), fill, images.dtype)
        self.inside(padded)[...] = images
        return padded

    def inside(self, padded: Array) -> Array:
        """Return the images within padded ones, as a view."""
        (top, left), (height, width) = self.before, self.image
        return padded[:, top : top + height, left : left + width]

    def over(self, padded: Floats) -> Floats:
        """Return the windows of padded images: a read-only view of shape ``(samples, *counts, *kernel, channels)``."""
        sample, row, column, channel = padded.strides
        (down, across), (below, beside) = self.stride, self.dilation
        strides = (sample, down * row, across * column, below * row, beside * column, channel)
        return as_strided(padded, (len(padded), *self.counts, *self.kernel, padded.shape[3]), strides, writeable=False)

    @cached_property
    def taps(self) -> tuple[Tap, ...]:
        """Each position in a window, row by row, and where the pixels there lie in an array of padded images.

        So ``padded[index]`` has shape ``(samples, *counts, channels)``.
        """
        positions = product(range(self.kernel[0]), range(self.kernel[1]))
        return tuple((position, (slice(None), *self._pixels(position))) for position in positions)

    def _pixels(self, position: Pair) -> tuple[slice, slice]:
        rows, columns = (
            slice(at * gap, at * gap + stride * (count - 1) + 1, stride)
            for at, gap, stride, count in zip(position, self.dilation, self.stride, self.counts, strict=True)
        )
        return rows, columns


@lru_cache(maxsize=256)  # a layer asks for the same ones with each microbatch
def windows_of(
    image: tuple[int, ...], *, kernel_size: Sizes, stride: Sizes, padding: Padding, dilation: Sizes = 1
) -> Windows:
    """Return the windows of images of a size, from settings that `checked_sizes` and `checked_padding` returned.

    With the padding ``same`` there are as many windows as pixels, divided by the stride and rounded up; an odd row or
    column of padding lies below or to the right, as in TensorFlow.

    Args:
        image: ``(height, width)``, or ``(length,)``, which becomes ``(1, length)``.
        kernel_size: of a window.
        stride: from window to window.
        padding: how far windows may reach over the edge.
        dilation: from pixel to pixel of a window.

    Raises:
        ShapeError: a window is larger than an image with its padding.
    """
    axes = len(image)
    sizes, strides, gaps = (_each(setting, axes) for setting in (kernel_size, stride, dilation))
    spans = [_span(size, gap) for size, gap in zip(sizes, gaps, strict=True)]
    if padding == _SAME:
        totals = [
            max(-(-size // step) * step - step + span - size, 0)
            for size, step, span in zip(image, strides, spans, strict=True)
        ]
        before, after = [total // 2 for total in totals], [total - total // 2 for total in totals]
    else:
        before = after = [*_each(0 if isinstance(padding, str) else padding, axes)]
    room = [sum(each) for each in zip(before, image, after, strict=True)]
    if any(span > size for span, size in zip(spans, room, strict=True)):
        reach = "" if spans == [*sizes] else f", which spans {_times(spans)} with its gaps"
        padded = "" if room == [*image] else f" with padding, {_times(room)}"
        raise ShapeError(
            f"expected images at least as large as the kernel of {_times(sizes)}{reach}, got {_times(image)}{padded}; "
            "take a smaller `kernel_size`, or padding=same"
        )
    return Windows(
        image=_with_height(image, 1),
        kernel=_with_height(sizes, 1),
        stride=_with_height(strides, 1),
        dilation=_with_height(gaps, 1),
        before=_with_height(before, 0),
        after=_with_height(after, 0),
    )


def checked_sizes(setting: str, value: Any, axes: int, *, at_least: int = 1) -> Sizes:
    """Return one number for all axes, or a number for each where they differ.

    Raises:
        ConfigError: not a whole number in these bounds, nor one for each axis.
    """
    if not isinstance(value, tuple | list):
        return checks.whole_number(setting, value, at_least=at_least, limit=_LIMIT)
    if len(value) != axes:
        wanted = "an integer" if axes == 1 else f"an integer or {axes} of them, such as 3x5"
        raise ConfigError(f"expected `{setting}` to be {wanted}, got {shown(value)}")
    numbers = tuple(checks.whole_number(setting, each, at_least=at_least, limit=_LIMIT) for each in value)
    return numbers[0] if len(set(numbers)) == 1 else numbers


def checked_padding(value: Any, axes: int) -> Padding:
    """Return ``same``, ``valid``, one number > 0 for all axes, or a number for each where they differ.

    Raises:
        ConfigError: none of these.
    """
    if isinstance(value, str):
        return value if value in (_SAME, _VALID) else checks.unknown("padding", value, (_SAME, _VALID, "a number"))
    return checked_sizes("padding", value, axes, at_least=0) or _VALID


def check_image(input_shape: Shape, axes: int) -> None:
    """Check that samples are images, or, with one axis, sequences.

    Raises:
        ShapeError: they have another number of axes; the message says how to reshape them.
    """
    if len(input_shape) == axes + 1:
        return
    named = {1: "(length, channels)", 2: "(height, width, channels)"}[axes]
    shape = input_shape
    side = round(shape[0] ** 0.5) if len(shape) == 1 else 0
    if axes == 2 and side > 1 and side * side == shape[0]:
        shape = side, side
    cure = f"put reshape:{':'.join(map(str, shape))}:1 before" if len(shape) == axes else "put reshape before"
    raise ShapeError(f"expected samples of shape {named}, got {input_shape}; {cure}")


def two(sizes: Sizes) -> Pair:
    """Return the numbers for the height and the width, from a setting for images that `checked_sizes` returned."""
    height, width = _each(sizes, 2)
    return height, width


def _each(setting: Sizes, axes: int) -> tuple[int, ...]:
    return setting if isinstance(setting, tuple) else (setting,) * axes


def _with_height(sizes: Sequence[int], of_height: int) -> Pair:
    """Return sizes for height and width, where the one for the height may be missing."""
    height, width = sizes if len(sizes) == 2 else (of_height, *sizes)
    return height, width


def _span(kernel: int, gap: int) -> int:
    return (kernel - 1) * gap + 1


def _times(sizes: Iterable[int]) -> str:
    return "x".join(map(str, sizes))
