"""The pooling layers: the largest number, or the mean, of each window of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.shown import shown
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers.images.convolution import gathered
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.windows import (
    Padding,
    Sizes,
    Windows,
    check_image,
    checked_padding,
    checked_sizes,
    two,
    windows_of,
)


@dataclass(frozen=True)
class _Pooling:
    """What the pooling layers have in common: a sequence is an image of height 1."""

    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Padding = "valid"

    kind: ClassVar[str]
    axes: ClassVar[int]

    def __post_init__(self) -> None:
        kernel_size = checked_sizes("kernel_size", self.kernel_size, self.axes)
        stride = None if self.stride is None else checked_sizes("stride", self.stride, self.axes)
        padding = checked_padding(self.padding, self.axes)
        if not isinstance(padding, str) and any(
            2 * pad > size for pad, size in zip(two(padding), two(kernel_size), strict=True)
        ):
            raise ConfigError(
                f"expected `padding` to be at most half of `kernel_size`, {shown(kernel_size)}, got {shown(padding)}; "
                "a window would lie outside the image"
            )
        checks.keep(self, kernel_size=kernel_size, stride=None if stride == kernel_size else stride, padding=padding)

    def spec(self) -> str:
        """Return ``name:kernel_size``, and what is not as by default, such as ``stride=1``."""
        return written(self.name, self)

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return f"{self.kind}_pool{self.axes}d"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return how many windows there are along each axis, and the channels.

        Raises:
            ShapeError: samples are no images, or are smaller than the kernel.
        """
        check_image(input_shape, self.axes)
        return (*self._windows(input_shape).counts[-self.axes :], input_shape[-1])

    def _windows(self, input_shape: Shape) -> Windows:
        stride = self.kernel_size if self.stride is None else self.stride
        return windows_of(input_shape[:-1], kernel_size=self.kernel_size, stride=stride, padding=self.padding)

    def _images(self, samples: Floats) -> Floats:
        return samples if self.axes == 2 else samples[:, np.newaxis]

    def _samples(self, images: Floats) -> Floats:
        images.flags.writeable = False  # or a message would copy it where it is a view
        return images if self.axes == 2 else images[:, 0]


class _MaxPooling(_Pooling):
    kind = "max"

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the largest number of each window; save it, and ``inputs``."""
        windows = self._windows(inputs.shape[1:])
        padded = windows.pad(self._images(inputs), -np.inf)
        first, *others = (padded[index] for _, index in windows.taps)
        largest = np.maximum(first, others[0], order="C") if others else first.copy()
        for pixels in others[1:]:
            np.maximum(largest, pixels, out=largest)
        return self._samples(largest), (inputs, largest)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs: each window's gradient goes to its largest number, to the first of several."""
        if not input_wanted:
            return None, ()
        inputs, largest = saved
        windows, images, gradient = self._windows(inputs.shape[1:]), self._images(inputs), self._images(grad_output)

        def add(grad_input: Floats, block: slice) -> None:
            padded, wanted, part = windows.pad(images[block], -np.inf), largest[block], gradient[block]
            is_open = np.ones(wanted.shape, bool)
            for _, index in windows.taps:
                is_first = padded[index] == wanted
                is_first &= is_open
                is_open ^= is_first
                # Both steps are there for speed: NumPy multiplies floats with booleans in small pieces.
                share = is_first.astype(part.dtype)
                if windows.overlap:
                    share *= part
                    grad_input[index] += share
                else:
                    np.multiply(share, part, out=grad_input[index])

        return self._samples(gathered(len(inputs), inputs.shape[-1], windows, inputs.dtype, add)), ()


class _AveragePooling(_Pooling):
    kind = "avg"

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the mean of each window; save the shape of a sample."""
        windows = self._windows(inputs.shape[1:])
        outputs = _sums(windows.pad(self._images(inputs)), windows)
        outputs *= _shares(windows, inputs)
        return self._samples(outputs), inputs.shape[1:]

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs: each window's gradient goes to all of its numbers alike."""
        if not input_wanted:
            return None, ()
        windows = self._windows(saved)
        gradient = self._images(grad_output) * _shares(windows, grad_output)

        def add(grad_input: Floats, block: slice) -> None:
            for _, index in windows.taps:
                grad_input[index] += gradient[block]

        return self._samples(gathered(len(grad_output), saved[-1], windows, grad_output.dtype, add)), ()


@dataclass(frozen=True)
class MaxPool2d(_MaxPooling):
    """The largest number of each window of an image, for each channel: ``y[i, j, c] = max(x[window i, j, c])``.

    Samples have the shape ``(height, width, channels)``, outputs ``(down, across, channels)``; see `Conv2d` for how
    many windows there are. The gradient goes to the largest number, in a tie to the first one, row by row.

    Args:
        kernel_size: of a window: an integer, or height and width, in text ``2x3``.
        stride: how far it is from window to window; ``kernel_size`` if not given.
        padding: how far windows may reach over the edge, on each side, at most half of ``kernel_size``; or "valid", not
            at all; or "same", as far as it takes for ``ceil(height / stride)`` windows. It is never the largest.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Weng, Ahuja, Huang (1992), Cresceptron; Goodfellow, Bengio, Courville (2016), Deep Learning, section 9.3.
    """

    axes = 2


@dataclass(frozen=True)
class MaxPool1d(_MaxPooling):
    """The largest number of each window of a sequence, for each channel: ``y[i, c] = max(x[window i, c])``.

    Samples have the shape ``(length, channels)``, outputs ``(windows, channels)``. All arguments are those of
    `MaxPool2d`.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Weng, Ahuja, Huang (1992), Cresceptron, for images.
    """

    axes = 1


@dataclass(frozen=True)
class AvgPool2d(_AveragePooling):
    """The mean of each window of an image, for each channel: ``y[i, j, c] = mean(x[window i, j, c])``.

    Samples have the shape ``(height, width, channels)``. The arguments are those of `MaxPool2d`. Padding does not
    count: at the edge it is the mean of the pixels that are there, as in Keras, and in torch with
    ``count_include_pad=False``.

    Raises:
        ConfigError: a setting out of range.

    Source:
        LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition.
    """

    axes = 2


@dataclass(frozen=True)
class AvgPool1d(_AveragePooling):
    """The mean of each window of a sequence, for each channel: ``y[i, c] = mean(x[window i, c])``.

    Samples have the shape ``(length, channels)``, outputs ``(windows, channels)``. All arguments are those of
    `MaxPool2d`; padding does not count.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Waibel, Hanazawa, Hinton, Shikano, Lang (1989), Phoneme recognition using time-delay neural networks.
    """

    axes = 1


max_pool1d = MaxPool1d
"""Make a layer that takes the largest number of each window of a sequence."""

max_pool2d = MaxPool2d
"""Make a layer that takes the largest number of each window of an image."""

avg_pool1d = AvgPool1d
"""Make a layer that takes the mean of each window of a sequence."""

avg_pool2d = AvgPool2d
"""Make a layer that takes the mean of each window of an image."""


def _sums(padded: Floats, windows: Windows) -> Floats:
    first, *others = (padded[index] for _, index in windows.taps)
    total = first.copy()
    for pixels in others:
        total += pixels
    return total


def _shares(windows: Windows, like: Floats) -> Floats:
    """Return 1 / how many pixels of the image a window holds, for each window."""
    ones = np.ones((1, *windows.image, 1), like.dtype)
    counts = _sums(windows.pad(ones), windows)
    return np.reciprocal(counts, out=counts)
