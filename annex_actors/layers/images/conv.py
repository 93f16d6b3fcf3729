"""The convolutional layers: filters that look at each window of an image, or of a sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import UNWRITTEN, written
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import DType, Floats, Parameters, Shape, frozen
from annex_actors.layers.columns import column_sums, wide
from annex_actors.layers.images import groups as grouped
from annex_actors.layers.initializers import Initializer
from annex_actors.layers.kernels import NUMPY, Kernels
from annex_actors.layers.kernels import kernels as kernels_of
from annex_actors.layers.layer import Factors, Rectifies, Saved
from annex_actors.layers.windows import Padding, Sizes, Windows, check_image, checked_padding, checked_sizes, windows_of

_FILTERS = 2**30


@dataclass(frozen=True)
class _Convolution:
    """What `Conv1d` and `Conv2d` have in common: a sequence is an image of height 1."""

    filters: int
    kernel_size: Sizes
    stride: Sizes = 1
    padding: Padding = "valid"
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True
    initializer: str = Initializer.AUTO
    before_relu: bool = field(default=False, metadata=UNWRITTEN)
    """Whether the next activation is a relu, set by `sequence`; ``Initializer.AUTO`` depends on it."""
    kernels: Kernels = field(default=NUMPY, repr=False, metadata=UNWRITTEN)
    """The library that computes the convolutions."""

    axes: ClassVar[int]

    def __post_init__(self) -> None:
        axes = self.axes
        checks.keep(
            self,
            filters=checks.whole_number("filters", self.filters, at_least=1, limit=_FILTERS),
            kernel_size=checked_sizes("kernel_size", self.kernel_size, axes),
            stride=checked_sizes("stride", self.stride, axes),
            padding=checked_padding(self.padding, axes),
            dilation=checked_sizes("dilation", self.dilation, axes),
            groups=checks.whole_number("groups", self.groups, at_least=1, limit=_FILTERS),
            bias=checks.boolean("bias", self.bias),
            initializer=Initializer.of(self.initializer),
            before_relu=checks.boolean("before_relu", self.before_relu),
            kernels=kernels_of(self.kernels),
        )
        if self.filters % self.groups:
            raise ConfigError(
                f"expected `filters` to be a multiple of `groups`, {self.groups}, got {self.filters}; change either"
            )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return f"conv{self.axes}d"

    def spec(self) -> str:
        """Return ``name:filters:kernel_size``, and what is not as by default, such as ``padding=same``."""
        return written(self.name, self)

    def followed_by(self, activation: Rectifies | None) -> Self:
        """Return the same layer, with ``before_relu`` set."""
        return replace(self, before_relu=activation is not None and activation.rectifies)

    def with_kernels(self, kernels: Kernels) -> Self:
        """Return the same layer with these kernels."""
        return replace(self, kernels=kernels)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return how many windows there are along each axis, and ``filters``.

        Raises:
            ShapeError: samples are no images, are smaller than the kernel, or their channels are no multiple of
                ``groups``.
        """
        check_image(input_shape, self.axes)
        if input_shape[-1] % self.groups:
            raise ShapeError(
                f"expected samples whose channels are a multiple of `groups`, {self.groups}, got {input_shape}"
            )
        return (*self._windows(input_shape).counts[-self.axes :], self.filters)

    def work(self, input_shape: Shape) -> int:
        """Return one multiplication for each weight and bias, at each window."""
        taps = math.prod(self._windows(input_shape).kernel)
        windows = math.prod(self.output_shape(input_shape)[:-1])
        return windows * (taps * (input_shape[-1] // self.groups) + self.bias) * self.filters

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return weights drawn for ``key``, and biases of zero."""
        self.output_shape(input_shape)
        kernel = self._windows(input_shape).kernel
        taps, channels = math.prod(kernel), input_shape[-1] // self.groups
        fan = taps * channels, taps * (self.filters // self.groups)
        shape = (*kernel[-self.axes :], channels, self.filters)
        parameters = {"weight": self._initializer().draw(shape, fan, key.generator(Tag.INITIAL_WEIGHTS), dtype)}
        if self.bias:
            parameters["bias"] = np.zeros(self.filters, dtype)
        return frozen(parameters)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs, shape ``(microbatch, ..., filters)``; save ``inputs``."""
        weight, windows = parameters["weight"], self._windows(inputs.shape[1:])
        bias = parameters["bias"] if self.bias else np.zeros(self.filters, inputs.dtype)
        outputs = grouped.convolve(
            self._images(inputs), self._filters(weight), bias, windows=windows, groups=self.groups, kernels=self.kernels
        )
        return self._samples(outputs), inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and two factors: ``inputs`` and ``grad_output``."""
        factors = (saved, grad_output)
        if not input_wanted:
            return None, factors
        gradient = grouped.input_gradient(
            self._images(grad_output),
            self._filters(parameters["weight"]),
            windows=self._windows(saved.shape[1:]),
            groups=self.groups,
            kernels=self.kernels,
        )
        return self._samples(gradient), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return dC/dweight, and for ``bias`` the sum of ``grad_output`` over the windows of all samples."""
        inputs, grad_output = factors
        windows = self._windows(inputs.shape[1:])
        weight = grouped.weight_gradient(
            self._images(inputs), self._images(grad_output), windows=windows, groups=self.groups, kernels=self.kernels
        )
        gradients = {"weight": weight.reshape(*windows.kernel[-self.axes :], *weight.shape[2:])}
        if self.bias:
            gradients["bias"] = column_sums(wide(grad_output, self.filters), self.filters)
        return gradients

    def _initializer(self) -> Initializer:
        given = Initializer.of(self.initializer)
        return Initializer.HE if given is Initializer.AUTO and self.before_relu else given

    def _windows(self, input_shape: Shape) -> Windows:
        return windows_of(
            input_shape[:-1],
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )

    def _images(self, samples: Floats) -> Floats:
        return samples if self.axes == 2 else samples[:, np.newaxis]

    def _samples(self, images: Floats) -> Floats:
        images.flags.writeable = False  # or a message would copy it where it is a view
        return images if self.axes == 2 else images[:, 0]

    def _filters(self, weight: Floats) -> Floats:
        return weight if self.axes == 2 else weight[np.newaxis]


@dataclass(frozen=True)
class Conv2d(_Convolution):
    """Filters that look at each window of an image: ``y[i, j] = sum(x[window i, j] * weight, channels too) + bias``.

    Samples have the shape ``(height, width, channels)``, outputs ``(down, across, filters)``, where there are
    ``(height + padding - reach) // stride + 1`` windows down, and ``reach = dilation * (kernel_size - 1) + 1``. Its
    parameters are ``weight``, shape ``(*kernel_size, channels / groups, filters)``, and ``bias``, shape ``(filters,)``.

    Args:
        filters: how many, which is the number of channels of the outputs.
        kernel_size: of a window: an integer, or height and width, in text ``3x5``.
        stride: how far it is from window to window.
        padding: how many zeros to lay around an image, on each side; or "valid", none; or "same", as many as it takes
            for ``ceil(height / stride)`` windows, an odd one below and to the right.
        dilation: how far it is from pixel to pixel of a window.
        groups: into how many parts to cut channels and filters; the filters of a part look at its channels only. As
            many as channels make a depthwise convolution.
        bias: whether filters have biases.
        initializer: the name of an `Initializer`, such as "he"; "auto": He if the next activation is a relu, else
            Glorot.

    Raises:
        ConfigError: a setting out of range, or filters that are no multiple of ``groups``.

    Source:
        LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition. Goodfellow,
        Bengio, Courville (2016), Deep Learning, section 9.5. The padding "same" is TensorFlow's.
    """

    axes = 2


@dataclass(frozen=True)
class Conv1d(_Convolution):
    """Filters that look at each window of a sequence: ``y[i] = sum(x[window i] * weight, channels too) + bias``.

    Samples have the shape ``(length, channels)``, outputs ``(windows, filters)``. All arguments are those of `Conv2d`.

    Raises:
        ConfigError: a setting out of range, or filters that are no multiple of ``groups``.

    Source:
        Waibel, Hanazawa, Hinton, Shikano, Lang (1989), Phoneme recognition using time-delay neural networks.
    """

    axes = 1


conv1d = Conv1d
"""Make a layer whose filters look at each window of a sequence."""

conv2d = Conv2d
"""Make a layer whose filters look at each window of an image."""
