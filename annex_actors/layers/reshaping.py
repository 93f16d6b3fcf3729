"""Layers that arrange the numbers of a sample otherwise and change none: flatten, reshape, permute."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.shown import shown
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.base.words import counted
from annex_actors.layers.layer import Factors, Saved


def flatten() -> Flatten:
    """Return the layer that turns samples of any shape, such as ``(28, 28)``, into rows, such as ``(784,)``."""
    return Flatten()


@dataclass(frozen=True)
class Flatten:
    """A layer that puts the numbers of a sample in one row, in C order; its outputs are a view of its inputs."""

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "flatten"

    def spec(self) -> str:
        """Return ``flatten``."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(features,)``, where features is the product of ``input_shape``."""
        return (math.prod(input_shape),)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs`` with shape ``(microbatch, features)``; save their old shape."""
        return inputs.reshape(len(inputs), math.prod(inputs.shape[1:])), inputs.shape

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` in the shape of the inputs."""
        return grad_output.reshape(saved), ()


def reshape(*sizes: int) -> Reshape:
    """Return the layer that gives samples another shape; one size may be -1, and follows from the others.

    Args:
        sizes: of each axis of a sample, such as ``reshape(28, 28, 1)``; their product is that of the inputs' sizes.

    Raises:
        ConfigError: no sizes, a size that is neither an integer >= 1 nor -1, or several that are -1.
    """
    return Reshape(sizes)


@dataclass(frozen=True)
class Reshape:
    """A layer that gives samples another shape, in C order; made by `reshape`. Its outputs are a view of its inputs."""

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        given = checks.several("sizes", self.sizes, "the sizes of a sample's axes, such as reshape(28, 28, 1)")
        sizes = tuple(map(_size, given))
        if not sizes or sizes.count(-1) > 1:
            raise ConfigError(f"expected `sizes` to be sizes of axes, at most one of them -1, got {shown(sizes)}")
        checks.keep(self, sizes=sizes)

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "reshape"

    def spec(self) -> str:
        """Return ``reshape`` and the sizes, such as ``reshape:28:28:1``."""
        return ":".join([self.name, *map(str, self.sizes)])

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``sizes``, with the one that follows from the others.

        Raises:
            ShapeError: the numbers of a sample do not fill these axes.
        """
        numbers, known = math.prod(input_shape), math.prod(each for each in self.sizes if each != -1)
        fits = numbers % known == 0 if -1 in self.sizes else numbers == known
        if not fits:
            wanted = f"{'a multiple of ' if -1 in self.sizes else ''}{counted(known, 'number')}"
            raise ShapeError(f"expected samples of {wanted}, got {input_shape}, which has {numbers:,}")
        return tuple(numbers // known if each == -1 else each for each in self.sizes)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs`` with shape ``(microbatch, *sizes)``; save their old shape."""
        return inputs.reshape(len(inputs), *self.output_shape(inputs.shape[1:])), inputs.shape

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` in the shape of the inputs."""
        return grad_output.reshape(saved), ()


def permute(*axes: int) -> Permute:
    """Return the layer that puts the axes of samples in another order, such as channels last.

    Samples have any shape; that of the outputs is ``(shape[axes[0] - 1], shape[axes[1] - 1], ...)``.

    Args:
        axes: for each axis of the outputs, which axis of the inputs it is, from 1: ``permute(2, 1)`` transposes.

    Raises:
        ConfigError: not the numbers 1 to n, each once.
    """
    return Permute(axes)


@dataclass(frozen=True)
class Permute:
    """A layer that puts the axes of samples in another order; made by `permute`."""

    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        axes = checks.several("axes", self.axes, "the order of a sample's axes, such as permute(2, 1)")
        if not axes or any(type(each) is not int for each in axes) or sorted(axes) != [*range(1, len(axes) + 1)]:
            raise ConfigError(f"expected `axes` to be the numbers from 1, each once, such as 2, 1, got {shown(axes)}")

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "permute"

    def spec(self) -> str:
        """Return ``permute`` and the axes, such as ``permute:2:1``."""
        return ":".join([self.name, *map(str, self.axes)])

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the sizes of the inputs' axes, in the order of ``axes``.

        Raises:
            ShapeError: samples with another number of axes.
        """
        if len(input_shape) != len(self.axes):
            raise ShapeError(f"expected samples with axes 1 to {len(self.axes)}, got shape {input_shape}")
        return tuple(input_shape[each - 1] for each in self.axes)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return a copy of ``inputs`` with its axes in the new order; save nothing."""
        return np.ascontiguousarray(inputs.transpose(0, *self.axes)), None

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return a copy of ``grad_output`` with its axes in the old order."""
        back = (int(each) + 1 for each in np.argsort(self.axes))
        return np.ascontiguousarray(grad_output.transpose(0, *back)), ()


def _size(value: Any) -> int:
    if type(value) is int and value == -1:
        return value
    return checks.whole_number("sizes", value, at_least=1)
