"""Runs a layer and torch's own with the same numbers, and compares outputs and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers import Layer, Stateful, Weighted

TOLERANCE = {"float32": 1e-5, "float64": 1e-9}

KEY = RandomKey(seed=1)

Arrange = Callable[[Any], Any]


def unchanged(tensor: Any) -> Any:
    """Return the tensor."""
    return tensor


def channels_first(tensor: Any) -> Any:
    """Return a tensor with its last axis after the first, where torch's layers have the channels."""
    return tensor.movedim(-1, 1)


def channels_last(tensor: Any) -> Any:
    """Return a tensor with its second axis last."""
    return tensor.movedim(1, -1)


def agree(
    layer: Layer,
    module: Any,
    shape: Shape,
    *,
    dtype: str,
    seed: int,
    there: Arrange = unchanged,
    back: Arrange = unchanged,
    parameters: Parameters | None = None,
) -> None:
    """Check that a layer and a torch module have equal outputs and gradients.

    Args:
        layer: ours.
        module: torch's, whose parameters get our random values, by name.
        shape: of the inputs, with the batch axis.
        dtype: "float32" or "float64".
        seed: of the random numbers.
        there: arranges the axes of an input as torch has them.
        back: arranges the axes of torch's output as we have them.
        parameters: more arrays for `forward`, such as the state.
    """
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(seed)
    inputs, grad_output = (generator.normal(size=shape).astype(dtype) * 2 for _ in range(2))
    own: dict[str, Floats] = dict(parameters or {})
    module = module.to(getattr(torch, dtype))
    if isinstance(layer, Weighted):
        for name, array in layer.initial_parameters(shape[1:], KEY, np.dtype(dtype)).items():
            own[name] = generator.normal(size=array.shape).astype(dtype)
            getattr(module, name).data = torch.from_numpy(own[name].copy())
    outputs, saved = layer.forward(own, inputs, KEY)
    grad_input, factors = layer.backward(own, saved, grad_output, True)
    x = torch.from_numpy(inputs).requires_grad_()
    expected = back(module(there(x)))
    expected.backward(torch.from_numpy(grad_output))
    close(outputs, expected.detach().numpy(), dtype)
    close(grad_input, x.grad.numpy(), dtype)
    if isinstance(layer, Weighted):
        for name, gradient in layer.weight_gradient(factors).items():
            close(gradient, getattr(module, name).grad.numpy(), dtype)
    if isinstance(layer, Stateful):
        state = {name: own[name] for name in layer.initial_state(shape[1:], np.dtype(dtype))}
        for name, array in layer.next_state(state, [factors]).items():
            close(array, getattr(module, name).numpy(), dtype)


def close(ours: Floats | None, theirs: Floats, dtype: str) -> None:
    """Check that two arrays agree to the tolerance of the dtype, relative to the largest number."""
    assert ours is not None
    assert ours.dtype == dtype
    scale = max(1.0, float(np.abs(theirs).max(initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)
