"""The layers for torch's convolutions and poolings; a part of the table of `from_modules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from annex_actors.layers.images import (
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    max_pool2d,
)
from annex_actors.layers.layer import Layer
from annex_actors.layers.native.rows import FromModule, FromRow, kept, refuse, require
from annex_actors.layers.reshaping import reshape


def _convolution(positions: int, constructor: Callable[..., Layer]) -> FromModule:
    def convert(module: Any, axes: int | None) -> FromRow:
        require(module, padding_mode="zeros")
        layer = constructor(
            module.out_channels,
            module.kernel_size,
            stride=module.stride,
            padding=module.padding,
            dilation=module.dilation,
            groups=module.groups,
            bias=module.bias is not None,
        )
        order = {"weight": (*range(2, positions + 2), 1, 0)}
        return FromRow((layer,), kept(module, order), positions=positions, axes=positions + 1)

    return convert


def _max_pool(positions: int, constructor: Callable[..., Layer]) -> FromModule:
    def convert(module: Any, axes: int | None) -> FromRow:
        require(module, ceil_mode=False, return_indices=False)
        if module.dilation not in (1, (1,) * positions):
            refuse(module, "dilation")
        layer = constructor(module.kernel_size, stride=module.stride, padding=module.padding)
        return FromRow((layer,), positions=positions, axes=positions + 1)

    return convert


def _avg_pool(positions: int, constructor: Callable[..., Layer]) -> FromModule:
    def convert(module: Any, axes: int | None) -> FromRow:
        require(module, ceil_mode=False)
        if getattr(module, "divisor_override", None) is not None:
            refuse(module, "divisor_override")
        if module.padding not in (0, (0,) * positions):
            require(module, count_include_pad=False)
        layer = constructor(module.kernel_size, stride=module.stride, padding=module.padding)
        return FromRow((layer,), positions=positions, axes=positions + 1)

    return convert


def _global_pool(positions: int, constructor: Callable[[], Layer]) -> FromModule:
    def convert(module: Any, axes: int | None) -> FromRow:
        if module.output_size not in (1, (1,) * positions):
            refuse(module, "output_size")
        layers = (constructor(), reshape(*[1] * positions, -1))
        return FromRow(layers, positions=positions, axes=positions + 1)

    return convert


FROM_IMAGES: Mapping[type[Any], FromModule] = {
    nn.Conv1d: _convolution(1, conv1d),
    nn.Conv2d: _convolution(2, conv2d),
    nn.MaxPool1d: _max_pool(1, max_pool1d),
    nn.MaxPool2d: _max_pool(2, max_pool2d),
    nn.AvgPool1d: _avg_pool(1, avg_pool1d),
    nn.AvgPool2d: _avg_pool(2, avg_pool2d),
    nn.AdaptiveAvgPool1d: _global_pool(1, global_avg_pool),
    nn.AdaptiveAvgPool2d: _global_pool(2, global_avg_pool),
    nn.AdaptiveMaxPool1d: _global_pool(1, global_max_pool),
    nn.AdaptiveMaxPool2d: _global_pool(2, global_max_pool),
}
"""What makes the layers, by the module's class."""
