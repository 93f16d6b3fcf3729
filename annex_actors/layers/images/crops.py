"""Augmentation that cuts rectangles out of images: random crops and shifts.

A shift is a crop of the image's own size, after zeros were laid around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import ShapeError
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Array, Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.windows import Pair, Sizes, check_image, checked_sizes, two


@dataclass(frozen=True)
class RandomShift:
    """Each image shifted at random by up to some pixels down or up, and right or left; training only.

    Samples have the shape ``(height, width, channels)``, and keep it. Zeros follow from the edge.

    Args:
        pixels: how far at most: an integer, or down and across, in text ``2x4``.

    Raises:
        ConfigError: not an integer >= 0, or two.

    Source:
        Simard, Steinkraus, Platt (2003), Best practices for convolutional neural networks.
    """

    pixels: Sizes

    def __post_init__(self) -> None:
        checks.keep(self, pixels=checked_sizes("pixels", self.pixels, 2, at_least=0))

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "random_shift"

    def spec(self) -> str:
        """Return ``random_shift:pixels``."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples are no images.
        """
        check_image(input_shape, 2)
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the shifted images; save how far. When predicting return ``inputs``."""
        if key is None:
            return inputs, None
        cut = _Cut.random(inputs.shape, inputs.shape[1:3], two(self.pixels), key)
        return cut.forward(inputs), cut

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return the gradients, shifted back."""
        if not input_wanted:
            return None, ()
        return grad_output if saved is None else saved.backward(grad_output), ()


@dataclass(frozen=True)
class RandomCrop:
    """A rectangle of each image, cut out at random while training, and from the centre when predicting.

    Samples have the shape ``(height, width, channels)``, outputs ``(*size, channels)``.

    Args:
        size: of the rectangle: an integer, or height and width, in text ``24x32``.
        padding: how many zeros to lay around an image first, on each side.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Krizhevsky, Sutskever, Hinton (2012), ImageNet classification with deep convolutional neural networks. With
        padding: Lee, Xie, Gallagher, Zhang, Tu (2015), Deeply-supervised nets.
    """

    size: Sizes
    padding: Sizes = 0

    def __post_init__(self) -> None:
        checks.keep(
            self,
            size=checked_sizes("size", self.size, 2),
            padding=checked_sizes("padding", self.padding, 2, at_least=0),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "random_crop"

    def spec(self) -> str:
        """Return ``random_crop:size``, and the padding unless it is 0."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(*size, channels)``.

        Raises:
            ShapeError: samples are no images, or smaller than the rectangle.
        """
        check_image(input_shape, 2)
        room = [length + 2 * zeros for length, zeros in zip(input_shape, two(self.padding), strict=False)]
        if any(length < size for length, size in zip(room, two(self.size), strict=True)):
            wanted = "x".join(map(str, two(self.size)))
            padded = "" if room == [*input_shape[:2]] else f", with padding {room[0]}x{room[1]}"
            raise ShapeError(f"expected images of at least {wanted} to crop, got {input_shape}{padded}")
        return (*two(self.size), input_shape[2])

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the rectangles; save where they lie."""
        cut = _Cut.random(inputs.shape, two(self.size), two(self.padding), key)
        return cut.forward(inputs), cut

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return the gradients where the rectangles were, and zeros elsewhere."""
        return (saved.backward(grad_output) if input_wanted else None), ()


@dataclass(frozen=True)
class _Cut:
    """Rectangles in images with zeros around them, one in each.

    Args:
        shape: of the images, with the axis of samples.
        size: of the rectangles.
        padding: rows of zeros above and below an image, and columns on its left and right.
        corners: top and left of each rectangle, counted from the zeros.
    """

    shape: Shape
    size: Pair
    padding: Pair
    corners: Array

    @classmethod
    def random(cls, shape: Shape, size: Pair, padding: Pair, key: RandomKey | None) -> _Cut:
        """Return random rectangles; without a key those in the centre."""
        room = np.array(shape[1:3]) + 2 * np.array(padding) - size
        if key is None:
            return cls(shape, size, padding, np.tile(room // 2, (shape[0], 1)))
        generator = key.generator(Tag.AUGMENTATION)
        return cls(shape, size, padding, generator.integers(0, room, (shape[0], 2), endpoint=True))

    def forward(self, images: Floats) -> Floats:
        """Return the rectangles."""
        (down, across), (height, width) = self.padding, self.size
        padded = np.pad(images, ((0, 0), (down, down), (across, across), (0, 0)))
        outputs = np.empty((len(images), height, width, images.shape[3]), images.dtype)
        for row, (top, left) in enumerate(self.corners.tolist()):
            outputs[row] = padded[row, top : top + height, left : left + width]
        return outputs

    def backward(self, grad_output: Floats) -> Floats:
        """Return dC/dimages from dC/drectangles."""
        samples, rows, columns, channels = self.shape
        (down, across), (height, width) = self.padding, self.size
        padded = np.zeros((samples, rows + 2 * down, columns + 2 * across, channels), grad_output.dtype)
        for row, (top, left) in enumerate(self.corners.tolist()):
            padded[row, top : top + height, left : left + width] = grad_output[row]
        return padded[:, down : down + rows, across : across + columns].copy()


random_shift = RandomShift
"""Make a layer that shifts images at random."""

random_crop = RandomCrop
"""Make a layer that cuts rectangles out of images at random."""
