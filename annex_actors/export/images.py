"""Layers for images and sequences of channels as ONNX operators.

ONNX has the channels of an image before its pixels, this package after them, so that each operator stands between two
transpositions; runtimes leave out those that cancel. For float64 onnxruntime has neither convolutions nor mean pooling:
there the windows are gathered, and multiplied as matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annex_actors.base.types import Array
from annex_actors.export.graph import Graph, Place
from annex_actors.layers import AvgPool1d, AvgPool2d, Conv1d, Conv2d, MaxPool1d, MaxPool2d, RandomCrop
from annex_actors.layers.windows import Windows, two, windows_of


def convolution(graph: Graph, layer: Conv1d | Conv2d, place: Place, x: str) -> str:
    """Add a convolution."""
    windows = windows_of(
        place.shape[:-1],
        kernel_size=layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
    )
    outputs = _gathered_convolution if graph.is_double else _convolution
    y = outputs(graph, layer, place, windows, x)
    return graph.node("Add", y, place.weight(graph, "bias")) if layer.bias else y


def max_pool(graph: Graph, layer: MaxPool1d | MaxPool2d, place: Place, x: str) -> str:
    """Add a pooling that takes the largest number of each window."""
    windows = _pooled(layer, place)
    return _channels_first(graph, layer, x, "MaxPool", **_settings(layer, windows))


def avg_pool(graph: Graph, layer: AvgPool1d | AvgPool2d, place: Place, x: str) -> str:
    """Add a pooling that takes the mean of each window, in which padding does not count."""
    windows = _pooled(layer, place)
    if not graph.is_double:
        return _channels_first(graph, layer, x, "AveragePool", count_include_pad=0, **_settings(layer, windows))
    pixels = _gathered(graph, layer, place, windows, x)
    sums = graph.node("ReduceSum", pixels, graph.integers(2), keepdims=0)
    counts = windows.over(windows.pad(np.ones((1, *windows.image, 1)))).sum(axis=(3, 4, 5)).reshape(-1, 1)
    return graph.reshaped(graph.node("Div", sums, graph.array(counts)), place.after[0])


def global_pool(operator: str) -> Any:
    """Return what adds a reduction over all axes but the samples' and the last."""

    def add(graph: Graph, layer: object, place: Place, x: str) -> str:
        return graph.node(operator, x, graph.integers(*range(1, len(place.shape))), keepdims=0)

    return add


def random_crop(graph: Graph, layer: RandomCrop, place: Place, x: str) -> str:
    """Add the rectangle in the centre, which the layer cuts out when predicting."""
    (down, across), size = two(layer.padding), two(layer.size)
    if down or across:
        x = graph.node("Pad", x, graph.integers(0, down, across, 0, 0, down, across, 0))
    starts = [
        (length + 2 * zeros - wanted) // 2
        for length, zeros, wanted in zip(place.shape, (down, across), size, strict=False)
    ]
    ends = [start + wanted for start, wanted in zip(starts, size, strict=True)]
    return graph.node("Slice", x, graph.integers(*starts), graph.integers(*ends), graph.integers(1, 2))


def _convolution(graph: Graph, layer: Conv1d | Conv2d, place: Place, windows: Windows, x: str) -> str:
    positions = range(layer.axes)
    weight = place.weights["weight"].transpose(layer.axes + 1, layer.axes, *positions)
    settings = _settings(layer, windows)
    settings["dilations"] = [*windows.dilation[-layer.axes :]]
    return _channels_first(
        graph, layer, x, "Conv", place.weight(graph, "weight", weight), group=layer.groups, **settings
    )


def _gathered_convolution(graph: Graph, layer: Conv1d | Conv2d, place: Place, windows: Windows, x: str) -> str:
    weight = place.weights["weight"]
    taps, (channels, filters), groups = np.prod(windows.kernel), weight.shape[-2:], layer.groups
    pixels = _gathered(graph, layer, place, windows, x)
    split = graph.reshaped(pixels, (-1, int(taps), groups, channels))
    rows = graph.reshaped(graph.node("Transpose", split, perm=[0, 3, 1, 2, 4]), (groups, -1, int(taps) * channels))
    matrices = weight.reshape(int(taps) * channels, groups, filters // groups).swapaxes(0, 1)
    outputs = graph.node("MatMul", rows, place.weight(graph, "weight", matrices))
    return graph.reshaped(graph.node("Transpose", outputs, perm=[0, 2, 1, 3]), place.after[0])


def _gathered(graph: Graph, layer: Any, place: Place, windows: Windows, x: str) -> str:
    """Return the pixels of all windows: shape ``(rows, windows, taps, channels)``, zeros where there is padding."""
    height, width = windows.padded
    x = graph.reshaped(x, (*windows.image, place.shape[-1]))
    if windows.are_padded:
        x = graph.node("Pad", x, graph.integers(0, *windows.before, 0, 0, *windows.after, 0))
    pixels = graph.reshaped(x, (height * width, place.shape[-1]))
    numbers = np.arange(height * width, dtype=np.float64).reshape(1, height, width, 1)
    indices: Array = windows.over(numbers).reshape(np.prod(windows.counts), np.prod(windows.kernel))
    return graph.node("Gather", pixels, graph.array(indices, np.int64), axis=1)


def _channels_first(graph: Graph, layer: Any, x: str, operator: str, *weights: str, **settings: Any) -> str:
    positions = range(1, layer.axes + 1)
    first = graph.node("Transpose", x, perm=[0, layer.axes + 1, *positions])
    y = graph.node(operator, first, *weights, **settings)
    return graph.node("Transpose", y, perm=[0, *(each + 1 for each in positions), 1])


def _pooled(layer: Any, place: Place) -> Windows:
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return windows_of(place.shape[:-1], kernel_size=layer.kernel_size, stride=stride, padding=layer.padding)


def _settings(layer: Any, windows: Windows) -> dict[str, list[int]]:
    axes = layer.axes
    return {
        "kernel_shape": [*windows.kernel[-axes:]],
        "strides": [*windows.stride[-axes:]],
        "pads": [*windows.before[-axes:], *windows.after[-axes:]],
    }
