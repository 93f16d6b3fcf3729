"""What `Quantile` computes as ONNX operators: piecewise linear shares of rows, and the normal deviates of shares."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from annex_actors.base.types import Array
from annex_actors.data.transforms.scaling import RAREST
from annex_actors.export.graph import Graph

_DEGREE = 17
"""Of the polynomial below, which is then 1e-9 away from the deviate."""


def share_below(graph: Graph, column: str, quantiles: Array, shares: Array) -> str:
    """Add the share of rows below each number; the middle of several quantiles that are equal.

    Args:
        graph: to which the nodes are added, of float64.
        column: shape ``(rows, 1)``.
        quantiles: of the training rows, shape ``(quantiles,)``.
        shares: of rows below each of them.
    """
    below = _interpolated(graph, column, quantiles, shares)
    above = _interpolated(graph, graph.node("Neg", column), -quantiles[::-1], -shares[::-1])
    inside = graph.node("Mul", graph.node("Sub", below, above), graph.array(0.5))
    is_last = graph.node("GreaterOrEqual", column, graph.array(quantiles[-1]))
    is_first = graph.node("LessOrEqual", column, graph.array(quantiles[0]))
    return graph.node("Where", is_first, graph.array(0), graph.node("Where", is_last, graph.array(1), inside))


def normal_deviate(graph: Graph, shares: str) -> str:
    """Add the number below which a standard normal variable is with a probability, for each of them.

    ONNX has no such operator. Below 1/2 the deviate is a smooth function of ``sqrt(-2 log(probability))``, and so a
    polynomial of it that is fitted here; above 1/2 it is the same with the other sign.
    """
    least, most = (math.sqrt(-2 * math.log(each)) for each in (0.5, RAREST - np.spacing(1)))
    known = np.polynomial.Chebyshev.interpolate(
        lambda roots: ndtri(np.exp(-(roots**2) / 2)), _DEGREE, domain=[least, most]
    )
    *others, highest = np.polynomial.chebyshev.cheb2poly(known.coef)  # of a variable from -1 to 1
    other = graph.node("Sub", graph.array(1), shares)
    smaller = graph.node("Max", graph.node("Min", shares, other), graph.array(RAREST - np.spacing(1)))
    root = graph.node("Sqrt", graph.node("Mul", graph.node("Log", smaller), graph.array(-2)))
    within = graph.node(
        "Div", graph.node("Sub", root, graph.array((most + least) / 2)), graph.array((most - least) / 2)
    )
    deviate = graph.array(highest)
    for coefficient in reversed(others):
        deviate = graph.node("Add", graph.node("Mul", deviate, within), graph.array(coefficient))
    is_above = graph.node("Greater", shares, graph.array(0.5))
    return graph.node("Where", is_above, graph.node("Neg", deviate), deviate)


def _interpolated(graph: Graph, column: str, points: Array, values: Array) -> str:
    """Add what ``numpy.interp`` returns between the first point and the last, of which some may be equal."""
    last = len(points) - 1
    passed = graph.floats(graph.node("GreaterOrEqual", column, graph.array(points[None])))
    found = graph.node("Sub", graph.node("ReduceSum", passed, graph.integers(1)), graph.array(1))
    index = graph.cast(graph.node("Clip", found, graph.array(0), graph.array(last)), np.int64)
    steps = np.append(np.diff(points), 0)
    slopes = np.divide(np.append(np.diff(values), 0), steps, out=np.zeros_like(steps), where=steps > 0)
    start, value, slope = (graph.node("Gather", graph.array(each), index) for each in (points, values, slopes))
    return graph.node("Add", value, graph.node("Mul", slope, graph.node("Sub", column, start)))
