"""The checker of layers that work on a stack of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.types import Floats, Shape
from annex_actors.base.words import counted
from annex_actors.layers import LAYERS, Constructor, Stack, StackLayer
from annex_actors.testing.promises import (
    DTYPES,
    check_gradient,
    check_layout,
    check_text,
    differences,
    random,
    require,
    require_kind,
    unwritten,
)


def check_stack_layer(
    layer: StackLayer,
    input_shapes: tuple[Shape, ...],
    *,
    samples: int = 4,
    seed: int = 0,
    constructors: Mapping[str, Constructor] = LAYERS,
) -> None:
    """Check that a layer keeps the promises of the protocol `StackLayer`.

    They are those that `check_layer` checks, for as many arrays as the layer takes and gives.

    Args:
        layer: the layer to check.
        input_shapes: the shape of one sample, for each array that it takes.
        samples: rows of a microbatch, >= 1.
        seed: of the random inputs.
        constructors: see `check_layer`.

    Raises:
        AssertionError: the first promise that is broken.
        ConfigError: another argument out of range.
    """
    require_kind(layer, StackLayer)
    shapes = checks.several("input_shapes", input_shapes, "shapes such as ((4,), (4,))")
    input_shapes = tuple(checks.sizes("input_shapes", each, "shapes such as ((4,), (4,))") for each in shapes)
    checks.whole_number("samples", samples, at_least=1)
    checks.whole_number("seed", seed, at_least=0)
    check_text(layer, constructors)
    label, output_shapes = layer.spec(), layer.output_shapes(input_shapes)
    require(
        len(input_shapes) == layer.takes,
        f"expected {counted(layer.takes, 'input shape')} for {label}, got {input_shapes}",
    )
    require(
        len(output_shapes) == layer.gives,
        f"expected {label} to announce {counted(layer.gives, 'shape')}, got {output_shapes}",
    )
    for dtype in DTYPES:
        inputs, grads = _stack(seed, samples, input_shapes, dtype), _stack(seed + 9, samples, output_shapes, dtype)
        outputs = _forward(layer, inputs)
        _check_layouts(f"{label}.forward_stack", outputs, grads)
        below = _backward(layer, inputs, grads)
        _check_layouts(f"{label}.backward_stack", below, inputs)
        for first, second in ((outputs, _forward(layer, inputs)), (below, _backward(layer, inputs, grads))):
            same = all(one.tobytes() == two.tobytes() for one, two in zip(first, second, strict=True))
            require(same, f"{label} differs from call to call")
    for index, gradient in enumerate(below):
        numeric = differences(lambda moved, at=index: _total(layer, inputs, at, moved, grads), inputs[index])  # type: ignore[misc]
        check_gradient(f"{label}.backward_stack with respect to array {index}", gradient, numeric)


def _stack(seed: int, samples: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any]) -> Stack:
    return tuple(random(seed + index, (samples, *shape), dtype) for index, shape in enumerate(shapes))


def _forward(layer: StackLayer, inputs: Stack) -> Stack:
    with unwritten(f"{layer.spec()}.forward_stack", *inputs):
        return layer.forward_stack(inputs)[0]


def _backward(layer: StackLayer, inputs: Stack, grads: Stack) -> Stack:
    _, saved = layer.forward_stack(inputs)
    with unwritten(f"{layer.spec()}.backward_stack", *inputs, *grads):
        return layer.backward_stack(saved, grads)


def _check_layouts(label: str, got: Stack, like: Stack) -> None:
    require(len(got) == len(like), f"expected {label} to return {counted(len(like), 'array')}, got {len(got)}")
    for array, wanted in zip(got, like, strict=True):
        check_layout(label, array, wanted.shape, wanted.dtype)


def _total(layer: StackLayer, inputs: Stack, index: int, moved: Floats, grads: Stack) -> float:
    outputs, _ = layer.forward_stack((*inputs[:index], moved, *inputs[index + 1 :]))
    return sum(float(np.vdot(output, grad)) for output, grad in zip(outputs, grads, strict=True))
