"""Activations and the cost's predictions as ONNX operators. Formulas are those of the layers, where they say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from annex_actors.costs import (
    CosineSimilarity,
    Cost,
    Focal,
    Hinge,
    Huber,
    KlDivergence,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from annex_actors.export.graph import Graph, Place
from annex_actors.layers.activations import (
    Elu,
    Gelu,
    LeakyRelu,
    Linear,
    LogSoftmax,
    Prelu,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Step,
    Tanh,
)
from annex_actors.layers.activations.smooth import Approximation

ToFunction: TypeAlias = Callable[[Graph, Any, str], str]
"""Adds a function's nodes, from the value of its inputs to that of its outputs."""


def _one(operator: str, **attributes: Any) -> ToFunction:
    return lambda graph, function, x: graph.node(operator, x, **attributes)


def _relu(graph: Graph, function: Relu, x: str) -> str:
    return graph.node("Max", x, graph.array(function.threshold)) if function.threshold else graph.node("Relu", x)


def _gelu(graph: Graph, function: Gelu, x: str) -> str:
    if function.approximate is Approximation.TANH:
        cubic = graph.node("Mul", graph.node("Mul", x, graph.node("Mul", x, x)), graph.array(0.044715))
        inner = graph.node("Mul", graph.node("Add", x, cubic), graph.array(np.sqrt(2 / np.pi)))
        error = graph.node("Tanh", inner)
    else:
        inner = graph.node("Mul", x, graph.array(np.sqrt(0.5)))
        # onnxruntime has no erf of float64; that of float32 is 1e-7 away.
        error = graph.floats(graph.node("Erf", graph.cast(inner, np.float32) if graph.is_double else inner))
    half = graph.node("Mul", x, graph.array(0.5))
    return graph.node("Mul", half, graph.node("Add", error, graph.array(1)))


def _silu(graph: Graph, function: Silu, x: str) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _softplus(graph: Graph, function: Softplus, x: str) -> str:
    steep = graph.node("Mul", x, graph.array(function.beta))
    exponential = graph.node("Exp", graph.node("Neg", graph.node("Abs", steep)))
    logarithm = graph.node("Log", graph.node("Add", exponential, graph.array(1)))
    corner = graph.node("Div", logarithm, graph.array(function.beta))
    is_beyond = graph.node("Greater", steep, graph.array(function.threshold))
    return graph.node("Add", graph.node("Relu", x), graph.node("Where", is_beyond, graph.array(0), corner))


def _step(graph: Graph, function: Step, x: str) -> str:
    return graph.floats(graph.node("Greater", x, graph.array(0)))


def prelu(graph: Graph, layer: Prelu, place: Place, x: str) -> str:
    """Add a rectifier with a learned slope, or one for each channel, which the last axis holds."""
    return graph.node("PRelu", x, place.weight(graph, "weight"))


FUNCTIONS: Mapping[type[Any], ToFunction] = {
    Relu: _relu,
    LeakyRelu: lambda graph, function, x: graph.node("LeakyRelu", x, alpha=function.negative_slope),
    Elu: lambda graph, function, x: graph.node("Elu", x, alpha=function.alpha),
    Gelu: _gelu,
    Silu: _silu,
    Softplus: _softplus,
    Sigmoid: _one("Sigmoid"),
    Tanh: _one("Tanh"),
    Softmax: _one("Softmax", axis=-1),
    LogSoftmax: _one("LogSoftmax", axis=-1),
    Linear: lambda graph, function, x: x,
    Step: _step,
}
"""What adds the nodes of an activation function, by its class."""


def _hinge(graph: Graph, cost: Hinge, x: str, outputs: int) -> str:
    if outputs > 1:
        return x
    half = graph.node("Div", graph.node("Add", x, graph.array(1)), graph.array(2))
    return graph.node("Clip", half, graph.array(0), graph.array(1))


ToPredictions: TypeAlias = Callable[[Graph, Any, str, int], str]
"""Adds the nodes that make predictions of the last layer's outputs, given the length of their last axis."""

_SAME: ToPredictions = lambda graph, cost, x, outputs: x  # noqa: E731 - one row of a table
_SOFTMAX: ToPredictions = lambda graph, cost, x, outputs: graph.node("Softmax", x, axis=-1)  # noqa: E731
_SIGMOID: ToPredictions = lambda graph, cost, x, outputs: graph.node("Sigmoid", x)  # noqa: E731

PREDICTIONS: Mapping[type[Cost], ToPredictions] = {
    SoftmaxCrossEntropy: _SOFTMAX,
    KlDivergence: _SOFTMAX,
    SigmoidCrossEntropy: _SIGMOID,
    Focal: _SIGMOID,
    Poisson: lambda graph, cost, x, outputs: graph.node("Exp", x),
    Hinge: _hinge,
    MeanSquaredError: _SAME,
    MeanAbsoluteError: _SAME,
    Huber: _SAME,
    CosineSimilarity: _SAME,
}
"""What adds the nodes of `Cost.predictions`, by the cost's class."""
