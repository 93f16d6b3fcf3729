"""Embedding, positions, attention and masks as ONNX operators."""

from __future__ import annotations

import math

import numpy as np

from annex_actors.export.graph import Graph, Place
from annex_actors.layers import Embedding, Mask, MaskedAvgPool, SelfAttention, SinusoidalPositions


def embedding(graph: Graph, layer: Embedding, place: Place, x: str) -> str:
    """Add a look-up of a row for each index."""
    return graph.node("Gather", place.weight(graph, "weight"), graph.cast(x, np.int64))


def positions(graph: Graph, layer: object, place: Place, x: str) -> str:
    """Add the learned row of each position."""
    return graph.node("Add", x, place.weight(graph, "weight"))


def sinusoidal_positions(graph: Graph, layer: SinusoidalPositions, place: Place, x: str) -> str:
    """Add the sines and cosines of each position."""
    table, _ = layer.forward({}, np.zeros((1, *place.shape), graph.dtype), None)
    return graph.node("Add", x, graph.array(table[0]))


def self_attention(graph: Graph, layer: SelfAttention, place: Place, x: str) -> str:
    """Add attention with several heads, from which padding and, if causal, later positions are hidden."""
    length, width = place.shape
    size = width // layer.num_heads
    parts = graph.reshaped(_project(graph, place, "in_proj_", x), (length, 3, layer.num_heads, size))
    # Shape (parts, rows, heads, positions, features), of which each part is one.
    queries, keys, values = graph.several(
        "Split", [graph.node("Transpose", parts, perm=[2, 0, 3, 1, 4]), graph.integers(1, 1, 1)], 3, axis=0
    )
    scores = graph.node("MatMul", queries, graph.node("Transpose", keys, perm=[0, 1, 2, 4, 3]))
    scores = graph.node("Mul", scores, graph.array(1 / math.sqrt(size)))
    weights = graph.node("Softmax", _without_hidden(graph, layer, place, scores), axis=-1)
    context = graph.node("Squeeze", graph.node("MatMul", weights, values), graph.integers(0))
    rows = graph.reshaped(graph.node("Transpose", context, perm=[0, 2, 1, 3]), place.shape)
    return _project(graph, place, "out_proj.", rows)


def mask(graph: Graph, layer: Mask, place: Place, stack: list[str]) -> list[str]:
    """Add the mask of the positions that hold more than padding."""
    x = stack[0]
    counts = graph.floats(graph.node("Not", graph.node("Equal", x, graph.array(layer.padding))))
    if len(place.shape) == 2:
        counts = graph.node("ReduceMax", counts, graph.integers(2), keepdims=0)
    return [x, counts]


def unmask(graph: Graph, layer: object, place: Place, stack: list[str]) -> list[str]:
    """Take the mask off."""
    return stack[:1]


def masked_avg_pool(graph: Graph, layer: MaskedAvgPool, place: Place, stack: list[str]) -> list[str]:
    """Add the mean of the positions that count, zeros where none does."""
    x, counts = stack
    weights = graph.node("Unsqueeze", counts, graph.integers(1))
    sums = graph.node("Squeeze", graph.node("MatMul", weights, x), graph.integers(1))
    total = graph.node("Max", graph.node("ReduceSum", counts, graph.integers(1)), graph.array(1))
    return [graph.node("Div", sums, total)]


def _project(graph: Graph, place: Place, name: str, x: str) -> str:
    y = graph.node("MatMul", x, place.weight(graph, f"{name}weight"))
    bias = f"{name}bias"
    return graph.node("Add", y, place.weight(graph, bias)) if bias in place.weights else y


def _without_hidden(graph: Graph, layer: SelfAttention, place: Place, scores: str) -> str:
    """Return scores of queries (rows) and keys (columns) whose softmax is 0 for what is hidden."""
    lowest = graph.array(np.finfo(graph.dtype).min)  # a finite number: where all is hidden, infinities would make NaN
    if layer.causal:
        future = ~np.tri(place.shape[0], dtype=np.bool_)
        scores = graph.node("Where", graph.array(future, np.bool_), lowest, scores)
    if place.mask is not None:
        padding = graph.node("Equal", place.mask, graph.array(0))
        keys = graph.node("Unsqueeze", padding, graph.integers(0, 2, 3))
        scores = graph.node("Where", keys, lowest, scores)
    return scores
