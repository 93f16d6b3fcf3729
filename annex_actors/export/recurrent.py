"""LSTM and GRU as ONNX operators, or as a loop over their cell.

ONNX's LSTM and GRU know the length of a sequence, but no mask, which may hide any position; and onnxruntime has neither
for float64. In both cases a loop (`Scan`) does what the layer does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annex_actors.base.types import Array
from annex_actors.export.graph import Graph, Place
from annex_actors.layers import Recurrent

_ORDER = {"lstm": ("LSTM", (0, 3, 1, 2)), "gru": ("GRU", (1, 0, 2))}
"""The operator, and for each of its gates which one of the layer's it is."""


def recurrent(graph: Graph, layer: Recurrent, place: Place, x: str) -> str:
    """Add an LSTM or a GRU."""
    steps = graph.node("Transpose", x, perm=[1, 0, 2])
    every, last = (_loop if graph.is_double or place.mask is not None else _operator)(graph, layer, place, steps)
    return graph.node("Transpose", every, perm=[1, 0, 2]) if layer.return_sequences else last


def _operator(graph: Graph, layer: Recurrent, place: Place, steps: str) -> tuple[str, str]:
    operator, order = _ORDER[layer.name]

    def gates(name: str) -> Array:
        """Return a weight with ONNX's order of gates, a row for each output."""
        split = np.split(place.weights[name], layer.cell.gates, axis=-1)
        return np.concatenate([split[each] for each in order], axis=-1).T

    biases = np.concatenate([gates("bias_ih_l0"), gates("bias_hh_l0")])
    weights = [place.weight(graph, name, gates(name)[None]) for name in ("weight_ih_l0", "weight_hh_l0")]
    settings: dict[str, Any] = {"linear_before_reset": 1} if operator == "GRU" else {}
    every, last = graph.several(
        operator,
        [steps, *weights, graph.array(biases[None])],
        2 if operator == "GRU" else 3,
        hidden_size=layer.units,
        direction="reverse" if layer.reverse else "forward",
        **settings,
    )[:2]
    return graph.node("Squeeze", every, graph.integers(1)), graph.node("Squeeze", last, graph.integers(0))


def _loop(graph: Graph, layer: Recurrent, place: Place, steps: str) -> tuple[str, str]:
    projected = graph.node("MatMul", steps, place.weight(graph, "weight_ih_l0"))
    projected = graph.node("Add", projected, place.weight(graph, "bias_ih_l0"))
    weight, bias = place.weight(graph, "weight_hh_l0"), place.weight(graph, "bias_hh_l0")
    sequences = [projected] if place.mask is None else [projected, _by_time(graph, place.mask)]
    body = graph.body()
    states = [body.new_name("state") for _ in range(layer.cell.states)]
    inputs = [body.new_name("step") for _ in sequences]
    recurrent = body.node("Add", body.node("MatMul", states[0], weight), bias)
    after = _CELLS[layer.name](body, inputs[0], recurrent, states)
    if place.mask is not None:
        is_inside = body.node("Greater", inputs[1], body.array(0))
        after = [body.node("Where", is_inside, new, old) for new, old in zip(after, states, strict=True)]
    outputs = [body.node("Identity", each) for each in (*after, after[0])]
    backwards = int(layer.reverse)
    *last, every = graph.several(
        "Scan",
        [*[_zeros(graph, layer, steps)] * len(states), *sequences],
        len(states) + 1,
        body=body.as_body([*states, *inputs], outputs),
        num_scan_inputs=len(sequences),
        scan_input_directions=[backwards] * len(sequences),
        scan_output_directions=[backwards],
    )
    return every, last[0]


def _by_time(graph: Graph, mask: str) -> str:
    return graph.node("Unsqueeze", graph.node("Transpose", mask, perm=[1, 0]), graph.integers(2))


def _zeros(graph: Graph, layer: Recurrent, steps: str) -> str:
    rows = graph.node("Shape", steps, start=1, end=2)
    return graph.node("Expand", graph.array(0), graph.node("Concat", rows, graph.integers(layer.units), axis=0))


def _lstm(body: Graph, projected: str, recurrent: str, states: Sequence[str]) -> list[str]:
    gates = body.node("Add", projected, recurrent)
    enters, stays, new, leaves = _parts(body, gates, 4)
    kept = body.node("Mul", body.node("Sigmoid", stays), states[1])
    cells = body.node("Add", kept, body.node("Mul", body.node("Sigmoid", enters), body.node("Tanh", new)))
    return [body.node("Mul", body.node("Sigmoid", leaves), body.node("Tanh", cells)), cells]


def _gru(body: Graph, projected: str, recurrent: str, states: Sequence[str]) -> list[str]:
    pairs = zip(_parts(body, projected, 3), _parts(body, recurrent, 3), strict=True)
    (reset, own_reset), (stay, own_stay), (new, own_new) = pairs
    resets = body.node("Sigmoid", body.node("Add", reset, own_reset))
    stays = body.node("Sigmoid", body.node("Add", stay, own_stay))
    candidate = body.node("Tanh", body.node("Add", new, body.node("Mul", resets, own_new)))
    return [body.node("Add", candidate, body.node("Mul", stays, body.node("Sub", states[0], candidate)))]


def _parts(body: Graph, value: str, count: int) -> list[str]:
    return body.several("Split", [value], count, axis=-1, num_outputs=count)


_CELLS = {"lstm": _lstm, "gru": _gru}
