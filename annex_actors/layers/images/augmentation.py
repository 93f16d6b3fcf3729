"""Augmentation: layers that change samples at random while training, and not at all when predicting; see `crops`, too.

What happens to a sample depends on the key (seed, layer, step, microbatch) and its row alone, as with dropout: not on
where the layer lives, nor on how often a crash made it start again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Array, Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.windows import Sizes, check_image, checked_sizes, two

_AXES = {"horizontal": 1, "vertical": 0}
"""Directions to flip in, and the axis of an image that is reversed."""


@dataclass(frozen=True)
class RandomFlip:
    """Each image mirrored with probability 1/2, left to right or upside down; training only.

    Samples have the shape ``(height, width, channels)``, and keep it.

    Args:
        direction: "horizontal" swaps left and right, "vertical" top and bottom.

    Raises:
        ConfigError: another direction.

    Source:
        Krizhevsky, Sutskever, Hinton (2012), ImageNet classification with deep convolutional neural networks.
    """

    direction: str = "horizontal"

    def __post_init__(self) -> None:
        if not isinstance(self.direction, str) or self.direction not in _AXES:
            checks.unknown("direction", self.direction, _AXES)

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "random_flip"

    def spec(self) -> str:
        """Return ``random_flip``, and the direction unless it is horizontal."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples are no images.
        """
        check_image(input_shape, 2)
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the images, some of them mirrored; save which. When predicting return ``inputs``."""
        if key is None:
            return inputs, None
        is_flipped = key.generator(Tag.AUGMENTATION).random(len(inputs)) < 0.5
        return self._flip(inputs, is_flipped), is_flipped

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return the gradients, mirrored where the images were."""
        if not input_wanted:
            return None, ()
        return grad_output if saved is None else self._flip(grad_output, saved), ()

    def _flip(self, images: Floats, is_flipped: Array) -> Floats:
        result = images.copy()
        result[is_flipped] = np.flip(images[is_flipped], axis=1 + _AXES[self.direction])
        return result


@dataclass(frozen=True)
class Cutout:
    """A rectangle of each image, anywhere, set to zero; training only.

    Samples have the shape ``(height, width, channels)``, and keep it. The rectangle's centre is a random pixel, so that
    parts of it may lie outside the image.

    Args:
        size: of the rectangle: an integer, or height and width, in text ``8x4``.

    Raises:
        ConfigError: not an integer >= 1, or two.

    Source:
        DeVries, Taylor (2017), Improved regularization of convolutional neural networks with cutout.
    """

    size: Sizes

    def __post_init__(self) -> None:
        checks.keep(self, size=checked_sizes("size", self.size, 2))

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "cutout"

    def spec(self) -> str:
        """Return ``cutout:size``."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples are no images.
        """
        check_image(input_shape, 2)
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the images with zeros in them; save where. When predicting return ``inputs``."""
        if key is None:
            return inputs, None
        centres = key.generator(Tag.AUGMENTATION).integers(0, inputs.shape[1:3], (len(inputs), 2))
        return self._without(inputs, centres), centres

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return the gradients, with zeros where the images have them."""
        if not input_wanted:
            return None, ()
        return grad_output if saved is None else self._without(grad_output, saved), ()

    def _without(self, images: Floats, centres: Array) -> Floats:
        result, size = images.copy(), np.array(two(self.size))
        corners = centres - size // 2
        bounds = zip(result, np.maximum(corners, 0).tolist(), (corners + size).tolist(), strict=True)
        for image, (top, left), (bottom, right) in bounds:
            image[top:bottom, left:right] = 0
        return result


@dataclass(frozen=True)
class GaussianNoise:
    """Normal noise added to each number: ``y = x + stddev * noise``; training only.

    Samples of any shape, and the outputs keep it.

    Args:
        stddev: the standard deviation of the noise, >= 0.

    Raises:
        ConfigError: not a number >= 0.

    Source:
        Bishop (1995), Training with noise is equivalent to Tikhonov regularization.
    """

    stddev: float

    def __post_init__(self) -> None:
        checks.keep(self, stddev=checks.real_number("stddev", self.stddev, at_least=0))

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "gaussian_noise"

    def spec(self) -> str:
        """Return ``gaussian_noise:stddev``."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``."""
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs`` with noise; save nothing. When predicting return ``inputs``."""
        if key is None:
            return inputs, None
        outputs = key.generator(Tag.AUGMENTATION).standard_normal(inputs.shape, dtype=inputs.dtype)
        outputs *= self.stddev
        outputs += inputs
        return outputs, None

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` itself."""
        return grad_output, ()


random_flip = RandomFlip
"""Make a layer that mirrors images at random."""

cutout = Cutout
"""Make a layer that sets a random rectangle of each image to zero."""

gaussian_noise = GaussianNoise
"""Make a layer that adds normal noise."""
