"""Torch's modules for convolutions, poolings and augmentation; a part of the table of `to_modules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from torch import nn

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Shape
from annex_actors.layers.images import (
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Cutout,
    GaussianNoise,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1d,
    MaxPool2d,
    RandomCrop,
    RandomFlip,
    RandomShift,
)
from annex_actors.layers.native import equivalents
from annex_actors.layers.native.rows import ToModule, ToRow
from annex_actors.layers.windows import Windows, two, windows_of


def _convolution(layer: Conv1d | Conv2d, before: Shape, after: Shape) -> ToRow:
    axes = layer.axes
    windows = windows_of(
        before[:-1],
        kernel_size=layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
    )
    kind = {1: equivalents.Conv1d, 2: equivalents.Conv2d}[axes]
    module = kind(
        before[-1],
        layer.filters,
        windows.kernel[-axes:],
        pads=_pads(windows, axes),
        stride=windows.stride[-axes:],
        dilation=windows.dilation[-axes:],
        groups=layer.groups,
        bias=layer.bias,
    )
    return ToRow(module, {"weight": (axes + 1, axes, *range(axes))}, is_channels_first=True)


def _pool(layer: Any, before: Shape, after: Shape) -> ToRow:
    axes = layer.axes
    stride = layer.kernel_size if layer.stride is None else layer.stride
    windows = windows_of(before[:-1], kernel_size=layer.kernel_size, stride=stride, padding=layer.padding)
    sizes = {"kernel_size": windows.kernel[-axes:], "stride": windows.stride[-axes:]}
    if layer.kind == "max":
        pad = {1: nn.ConstantPad1d, 2: nn.ConstantPad2d}[axes](_pads(windows, axes), -inf)
        pooled = {1: nn.MaxPool1d, 2: nn.MaxPool2d}[axes](**sizes)
        return ToRow(nn.Sequential(pad, pooled), is_channels_first=True)
    if windows.before != windows.after:
        raise ConfigError(
            f"expected {layer.spec()} to be padded alike on both sides, as torch does, got {windows.before} before and "
            f"{windows.after} after; give `padding` as a number"
        )
    kind = {1: nn.AvgPool1d, 2: nn.AvgPool2d}[axes]
    module = kind(**sizes, padding=windows.before[-axes:], count_include_pad=False)
    return ToRow(module, is_channels_first=True)


def _pads(windows: Windows, axes: int) -> tuple[int, ...]:
    """Return what to lay around an image, as ``torch.nn.functional.pad`` takes it: the last axis first."""
    sides = zip(windows.before[-axes:], windows.after[-axes:], strict=True)
    return tuple(pad for side in reversed(list(sides)) for pad in side)


def _global_pool(kind: Callable[[int], Any]) -> ToModule:
    return lambda layer, before, after: ToRow(
        nn.Sequential(nn.Flatten(2), kind(1), nn.Flatten()), is_channels_first=True
    )


def _crop(layer: RandomCrop, before: Shape, after: Shape) -> ToRow:
    return ToRow(equivalents.CentreCrop(two(layer.size), two(layer.padding)), is_channels_first=True)


def _training_only(layer: Any, before: Shape, after: Shape) -> ToRow:
    return ToRow(nn.Identity(), is_channels_first=None)


TO_IMAGES: Mapping[type[Any], ToModule] = {
    Conv1d: _convolution,
    Conv2d: _convolution,
    MaxPool1d: _pool,
    MaxPool2d: _pool,
    AvgPool1d: _pool,
    AvgPool2d: _pool,
    GlobalAvgPool: _global_pool(nn.AdaptiveAvgPool1d),
    GlobalMaxPool: _global_pool(nn.AdaptiveMaxPool1d),
    RandomFlip: _training_only,
    RandomShift: _training_only,
    RandomCrop: _crop,
    Cutout: _training_only,
    GaussianNoise: _training_only,
}
"""What makes the module, by the layer's class."""
