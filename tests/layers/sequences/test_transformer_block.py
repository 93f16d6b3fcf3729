"""A transformer block, layer by layer, gives the outputs and gradients of torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from annex_actors.base.types import Array
from annex_actors.layers import Stack, Weighted, on_stack, parse_layers
from examples.benchmarks.transformer import transformer_block

torch = pytest.importorskip("torch")

NAMES = ("block.norm1", "block.self_attn", "block.norm2", "block.linear1", "block.linear2", "last")
"""Torch's layers with weights, in the order of ours."""


def test_a_transformer_block_is_that_of_torch() -> None:
    text, input_shape, make = transformer_block(5, 4, 2)
    network, module = parse_layers(text), make().double()
    theirs = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    names = iter(NAMES)
    parts = [next(names) if isinstance(layer, Weighted) else "" for layer in network.layers]
    weights = [ours(theirs, part) if part else {} for part in parts]
    numbers = np.random.default_rng(0)
    inputs = numbers.standard_normal((3, *input_shape))

    stack: Stack = (inputs,)
    saved = []
    layers = [on_stack(layer) for layer in network.layers]
    for each, own in zip(layers, weights, strict=True):
        stack, left = each.forward(own, stack, None)
        saved.append(left)
    given = torch.tensor(np.swapaxes(inputs, 1, 2).copy(), requires_grad=True)
    outputs = module(given)
    np.testing.assert_allclose(stack[0], outputs.detach().numpy(), rtol=1e-9, atol=1e-9)

    grad_output = numbers.standard_normal(stack[0].shape)
    outputs.backward(torch.tensor(grad_output))
    stack = (grad_output,)
    gradients: dict[str, Any] = {name: each.grad.numpy() for name, each in module.named_parameters()}
    for index in reversed(range(len(layers))):
        stack, factors = layers[index].backward(weights[index], saved[index], stack, True)
        layer = network.layers[index]
        if isinstance(layer, Weighted):
            for name, gradient in layer.weight_gradient(factors).items():
                np.testing.assert_allclose(gradient, gradients[f"{parts[index]}.{name}"].T, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(stack[0], np.swapaxes(given.grad.numpy(), 1, 2), rtol=1e-9, atol=1e-9)


def ours(theirs: dict[str, Array], part: str) -> dict[str, Array]:
    """Return a layer's weights in our layout, a row for each input."""
    return {
        name.removeprefix(f"{part}."): np.ascontiguousarray(array.T)
        for name, array in theirs.items()
        if name.startswith(f"{part}.")
    }
