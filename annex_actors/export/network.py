"""A network as ONNX operators: the table of layers, and the stack that passes through them.

A new layer is one more row of `LAYERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Parameters, Shape
from annex_actors.costs import Cost
from annex_actors.export import images, norms, sequences
from annex_actors.export.activations import FUNCTIONS, PREDICTIONS, prelu
from annex_actors.export.graph import Graph, Place
from annex_actors.export.recurrent import recurrent
from annex_actors.layers import (
    Activation,
    AnnexDense,
    AvgPool1d,
    AvgPool2d,
    BatchNorm,
    Concatenate,
    Conv1d,
    Conv2d,
    Cutout,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Fork,
    GaussianNoise,
    GlobalAvgPool,
    GlobalMaxPool,
    GroupNorm,
    Join,
    LayerNorm,
    Mask,
    MaskedAvgPool,
    MaxPool1d,
    MaxPool2d,
    Network,
    Permute,
    Positions,
    Prelu,
    RandomCrop,
    RandomFlip,
    RandomShift,
    Recurrent,
    Reshape,
    RmsNorm,
    Rotate,
    SelfAttention,
    SinusoidalPositions,
    StackLayer,
    Unmask,
    UsesMask,
)
from annex_actors.layers.layer import Layer

ToLayer: TypeAlias = Callable[[Graph, Any, Place, str], str]
"""Adds a layer's nodes, from the value of its inputs to that of its outputs."""

ToStackLayer: TypeAlias = Callable[[Graph, Any, Place, list[str]], list[str]]
"""Adds the nodes of a layer on the stack, from the values that it takes to those that it gives."""


def outputs_of(graph: Graph, network: Network, weights: tuple[Parameters, ...], input_shape: Shape, inputs: str) -> str:
    """Add the nodes of all layers, and return the value of the outputs of the last.

    Args:
        graph: to which they are added.
        network: the layers.
        weights: parameters and state of each layer, with which it predicts.
        input_shape: of a sample.
        inputs: the value of the samples.

    Raises:
        ConfigError: a layer that ONNX has no operators for; the message names it.
    """
    shapes, stack = network.stacks(input_shape), [inputs]
    for index, (layer, own) in enumerate(zip(network.layers, weights, strict=True)):
        masked = stack[-1] if isinstance(layer, UsesMask) and layer.is_masked else None
        place = Place(index, dict(own), shapes[index], shapes[index + 1], masked)
        if isinstance(layer, StackLayer):
            given = _found(STACK_LAYERS, layer, place)(graph, layer, place, stack[: layer.takes])
            stack = [*given, *stack[layer.takes :]]
        else:
            stack = [_found(LAYERS, layer, place)(graph, layer, place, stack[0]), *stack[1:]]
    return stack[0]


def predictions_of(graph: Graph, cost: Cost, outputs: str, output_shape: Shape) -> str:
    """Add what a cost makes of the outputs of the last layer, and return its value.

    Raises:
        ConfigError: a cost of one's own.
    """
    predictions = PREDICTIONS.get(type(cost))
    if predictions is None:
        raise ConfigError(
            f"expected a cost whose predictions ONNX has operators for, got {cost.name}; train with one that "
            "`annex-actors costs` lists"
        )
    return predictions(graph, cost, outputs, output_shape[-1] if output_shape else 1)


def _found(table: Mapping[type[Any], Any], layer: Any, place: Place) -> Any:
    if type(layer) in table and (not isinstance(layer, Activation) or type(layer.function) in FUNCTIONS):
        return table[type(layer)]
    raise ConfigError(
        f"expected layers that ONNX has operators for, got layer {place.index} ({layer.spec()}); replace it, or use "
        "--to safetensors"
    )


def _same(graph: Graph, layer: Layer, place: Place, x: str) -> str:
    return x


def _activation(graph: Graph, layer: Activation, place: Place, x: str) -> str:
    return FUNCTIONS[type(layer.function)](graph, layer.function, x)


def _dense(graph: Graph, layer: Dense, place: Place, x: str) -> str:
    return graph.node("Add", graph.node("MatMul", x, place.weight(graph, "weight")), place.weight(graph, "bias"))


def _annex_dense(graph: Graph, layer: AnnexDense, place: Place, x: str) -> str:
    return _activation(graph, layer.activation, place, _dense(graph, layer.dense, place, x))


def _reshape(graph: Graph, layer: Flatten | Reshape, place: Place, x: str) -> str:
    return graph.reshaped(x, place.after[0])


def _permute(graph: Graph, layer: Permute, place: Place, x: str) -> str:
    return graph.node("Transpose", x, perm=[0, *layer.axes])


LAYERS: Mapping[type[Any], ToLayer] = {
    Dense: _dense,
    AnnexDense: _annex_dense,
    Activation: _activation,
    Prelu: prelu,
    BatchNorm: norms.batch_norm,
    GroupNorm: norms.group_norm,
    LayerNorm: norms.layer_norm,
    RmsNorm: norms.rms_norm,
    Dropout: _same,
    RandomFlip: _same,
    RandomShift: _same,
    Cutout: _same,
    GaussianNoise: _same,
    RandomCrop: images.random_crop,
    Flatten: _reshape,
    Reshape: _reshape,
    Permute: _permute,
    Conv1d: images.convolution,
    Conv2d: images.convolution,
    MaxPool1d: images.max_pool,
    MaxPool2d: images.max_pool,
    AvgPool1d: images.avg_pool,
    AvgPool2d: images.avg_pool,
    GlobalAvgPool: images.global_pool("ReduceMean"),
    GlobalMaxPool: images.global_pool("ReduceMax"),
    Embedding: sequences.embedding,
    Positions: sequences.positions,
    SinusoidalPositions: sequences.sinusoidal_positions,
    SelfAttention: sequences.self_attention,
    Recurrent: recurrent,
}
"""What adds the nodes of a layer when predicting, by its class."""

STACK_LAYERS: Mapping[type[Any], ToStackLayer] = {
    Fork: lambda graph, layer, place, stack: stack * layer.copies,
    Rotate: lambda graph, layer, place, stack: [*stack[1:], stack[0]],
    Join: lambda graph, layer, place, stack: [graph.node("Sum", *stack)],
    Concatenate: lambda graph, layer, place, stack: [graph.node("Concat", *stack, axis=-1)],
    Mask: sequences.mask,
    Unmask: sequences.unmask,
    MaskedAvgPool: sequences.masked_avg_pool,
}
"""Likewise of a layer on the stack."""
