"""Norms as ONNX operators; batch norm by its running statistics."""

from __future__ import annotations

import math

import numpy as np

from annex_actors.export.graph import Graph, Place
from annex_actors.layers import BatchNorm, GroupNorm, LayerNorm, RmsNorm


def batch_norm(graph: Graph, layer: BatchNorm, place: Place, x: str) -> str:
    """Add a standardisation of each channel by the running statistics."""
    variance = place.weights["running_var"].astype(np.float64)
    centred = graph.node("Sub", x, place.weight(graph, "running_mean"))
    inverse = graph.array(1 / np.sqrt(variance + layer.epsilon))
    return _affine(graph, place, graph.node("Mul", centred, inverse))


def group_norm(graph: Graph, layer: GroupNorm, place: Place, x: str) -> str:
    """Add a standardisation of groups of channels over all positions of a sample."""
    channels = place.shape[-1] // layer.groups
    groups = graph.reshaped(x, (math.prod(place.shape[:-1]), layer.groups, channels))
    centred = graph.node("Sub", groups, _mean(graph, groups, 1, 3))
    standardised = _scaled(graph, centred, layer.epsilon, 1, 3)
    return _affine(graph, place, graph.reshaped(standardised, place.shape))


def layer_norm(graph: Graph, layer: LayerNorm, place: Place, x: str) -> str:
    """Add a standardisation over the last axes."""
    weight = place.weight(graph, "weight") if layer.scale else graph.array(np.ones(place.shape[-layer.axes :]))
    bias = [place.weight(graph, "bias")] if layer.center else []
    return graph.node("LayerNormalization", x, weight, *bias, axis=-layer.axes, epsilon=layer.epsilon)


def rms_norm(graph: Graph, layer: RmsNorm, place: Place, x: str) -> str:
    """Add a division by the root of the mean square over the last axis."""
    return _affine(graph, place, _scaled(graph, x, layer.epsilon, -1))


def _mean(graph: Graph, x: str, *axes: int) -> str:
    return graph.node("ReduceMean", x, graph.integers(*axes))


def _scaled(graph: Graph, x: str, epsilon: float, *axes: int) -> str:
    mean_square = _mean(graph, graph.node("Mul", x, x), *axes)
    return graph.node("Div", x, graph.node("Sqrt", graph.node("Add", mean_square, graph.array(epsilon))))


def _affine(graph: Graph, place: Place, x: str) -> str:
    for name, operator in (("weight", "Mul"), ("bias", "Add")):
        x = graph.node(operator, x, place.weight(graph, name)) if name in place.weights else x
    return x
