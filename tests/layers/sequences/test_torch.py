"""Outputs and gradients are torch's, with random settings and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats, Parameters
from annex_actors.layers import Layer, UsesMask, Weighted, embedding, gru, lstm, self_attention
from annex_actors.testing import check_layer

torch = pytest.importorskip("torch")

TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-9}
DTYPES = st.sampled_from(list(TOLERANCES))
SIZES = st.integers(1, 5)
FEW = settings(max_examples=30, deadline=None, derandomize=True)


class Trial:
    """One forward and backward pass of a layer, and the same parameters and arrays for torch.

    Torch's weights have a row for each output, ours for each input.
    """

    def __init__(self, layer: Layer, inputs: Array, dtype: np.dtype[Any], mask: Array | None = None) -> None:
        self.tolerance = TOLERANCES[dtype]
        inputs = inputs.astype(dtype)
        numbers = np.random.default_rng(1)
        self.parameters = self._parameters(layer, inputs, dtype)
        if mask is None:
            self.outputs, saved = layer.forward(self.parameters, inputs, None)
        else:
            assert isinstance(layer, UsesMask)
            self.outputs, saved = layer.forward_masked(self.parameters, inputs, mask.astype(dtype), None)
        self.grad_output = numbers.standard_normal(self.outputs.shape).astype(dtype)
        grad_input, factors = layer.backward(self.parameters, saved, self.grad_output, True)
        assert grad_input is not None
        self.grad_input: Floats = grad_input
        assert isinstance(layer, Weighted)
        self.gradients = layer.weight_gradient(factors)

    def _parameters(self, layer: Layer, inputs: Array, dtype: np.dtype[Any]) -> Parameters:
        assert isinstance(layer, Weighted)
        drawn = layer.initial_parameters(inputs.shape[1:], RandomKey(3), dtype)
        numbers = np.random.default_rng(2)
        return {name: numbers.uniform(-0.5, 0.5, each.shape).astype(dtype) for name, each in drawn.items()}

    def load(self, module: Any, *, transposed: bool = True) -> None:
        module.double() if self.tolerance == 1e-9 else module.float()
        weights = {name: torch.tensor(each.T if transposed else each) for name, each in self.parameters.items()}
        module.load_state_dict(weights)

    def compare(self, outputs: Any, inputs: Any | None, module: Any, *, transposed: bool = True) -> None:
        outputs.backward(torch.tensor(self.grad_output))
        self.agree(self.outputs, outputs.detach())
        if inputs is not None:
            self.agree(self.grad_input, inputs.grad)
        for name, parameter in module.named_parameters():
            self.agree(self.gradients[name], parameter.grad, transposed=transposed)

    def agree(self, ours: Array, theirs: Any, *, transposed: bool = False) -> None:
        array = theirs.numpy()
        np.testing.assert_allclose(ours, array.T if transposed else array, rtol=self.tolerance, atol=self.tolerance)


def normal(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape)


def tensor(array: Array, dtype: np.dtype[Any]) -> Any:
    return torch.tensor(array.astype(dtype), requires_grad=True)


@FEW
@given(samples=SIZES, length=SIZES, heads=st.integers(1, 3), features=SIZES, causal=..., bias=..., dtype=DTYPES)
def test_self_attention_is_that_of_torch(
    samples: int, length: int, heads: int, features: int, causal: bool, bias: bool, dtype: np.dtype[Any]
) -> None:
    width = heads * features
    given_inputs = normal(samples, length, width)
    trial = Trial(self_attention(heads, causal, bias=bias), given_inputs, dtype)
    module = torch.nn.MultiheadAttention(width, heads, bias=bias, batch_first=True)
    trial.load(module)
    inputs = tensor(given_inputs, dtype)
    future = torch.ones(length, length, dtype=torch.bool).triu(1) if causal else None
    trial.compare(module(inputs, inputs, inputs, attn_mask=future)[0], inputs, module)


@FEW
@given(lengths=st.lists(SIZES, min_size=1, max_size=4), heads=st.integers(1, 3), causal=..., dtype=DTYPES)
def test_attention_leaves_out_padding_as_torch_does(
    lengths: list[int], heads: int, causal: bool, dtype: np.dtype[Any]
) -> None:
    length, width = max(lengths), heads * 2
    given_inputs = normal(len(lengths), length, width)
    mask = np.arange(length) < np.array(lengths)[:, None]
    trial = Trial(self_attention(heads, causal).with_mask(True), given_inputs, dtype, mask)
    module = torch.nn.MultiheadAttention(width, heads, batch_first=True)
    trial.load(module)
    inputs = tensor(given_inputs, dtype)
    hidden = {"key_padding_mask": torch.tensor(~mask)}
    if causal:
        hidden["attn_mask"] = torch.ones(length, length, dtype=torch.bool).triu(1)
    trial.compare(module(inputs, inputs, inputs, **hidden)[0], inputs, module)


@FEW
@given(
    name=st.sampled_from(["lstm", "gru"]),
    samples=SIZES,
    length=SIZES,
    width=SIZES,
    units=SIZES,
    every=...,
    dtype=DTYPES,
)
def test_recurrent_layers_are_those_of_torch(
    name: str, samples: int, length: int, width: int, units: int, every: bool, dtype: np.dtype[Any]
) -> None:
    make, like = (lstm, torch.nn.LSTM) if name == "lstm" else (gru, torch.nn.GRU)
    given_inputs = normal(samples, length, width)
    trial = Trial(make(units, every), given_inputs, dtype)
    module = like(width, units, batch_first=True)
    trial.load(module)
    inputs = tensor(given_inputs, dtype)
    outputs = module(inputs)[0]
    trial.compare(outputs if every else outputs[:, -1], inputs, module)


@FEW
@given(name=st.sampled_from(["lstm", "gru"]), lengths=st.lists(SIZES, min_size=1, max_size=4), dtype=DTYPES)
def test_recurrent_layers_end_where_the_padding_begins(name: str, lengths: list[int], dtype: np.dtype[Any]) -> None:
    make, like = (lstm, torch.nn.LSTM) if name == "lstm" else (gru, torch.nn.GRU)
    given_inputs = normal(len(lengths), max(lengths), 2)
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    trial = Trial(make(3).with_mask(True), given_inputs, dtype, mask)
    module = like(2, 3, batch_first=True)
    trial.load(module)
    inputs = tensor(given_inputs, dtype)
    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    last = module(packed)[1]
    trial.compare((last[0] if name == "lstm" else last)[0], inputs, module)


@FEW
@given(name=st.sampled_from(["lstm", "gru"]), length=SIZES, every=..., dtype=DTYPES)
def test_the_reverse_direction_is_that_of_torch(name: str, length: int, every: bool, dtype: np.dtype[Any]) -> None:
    make, like = (lstm, torch.nn.LSTM) if name == "lstm" else (gru, torch.nn.GRU)
    given_inputs = normal(2, length, 3)
    trial = Trial(make(2, every, reverse=True), given_inputs, dtype)
    module = like(3, 2, batch_first=True, bidirectional=True)
    state = {name: torch.tensor(each.T) for name, each in trial.parameters.items()}
    module = module.to(next(iter(state.values())).dtype)
    module.load_state_dict({**module.state_dict(), **{f"{name}_reverse": each for name, each in state.items()}})
    inputs = tensor(given_inputs, dtype)
    outputs = module(inputs)[0][..., 2:]
    outputs = outputs if every else outputs[:, 0]
    outputs.backward(torch.tensor(trial.grad_output))
    trial.agree(trial.outputs, outputs.detach())
    trial.agree(trial.grad_input, inputs.grad)


@FEW
@given(samples=SIZES, length=SIZES, words=st.integers(1, 9), width=SIZES, dtype=DTYPES)
def test_embedding_is_that_of_torch(samples: int, length: int, words: int, width: int, dtype: np.dtype[Any]) -> None:
    indices = np.random.default_rng(0).integers(0, words, (samples, length))
    trial = Trial(embedding(words, width), indices, dtype)
    module = torch.nn.Embedding(words, width)
    trial.load(module, transposed=False)
    trial.compare(module(torch.tensor(indices)), None, module, transposed=False)
    assert not trial.grad_input.any()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    heads=st.integers(1, 3),
    features=st.integers(1, 3),
    length=st.integers(1, 4),
    causal=...,
    bias=...,
    rate=st.sampled_from([0.0, 0.5]),
)
def test_self_attention_of_any_shape_keeps_its_promises(
    heads: int, features: int, length: int, causal: bool, bias: bool, rate: float
) -> None:
    check_layer(self_attention(heads, causal, rate, bias), (length, heads * features), samples=2)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    make=st.sampled_from([lstm, gru]),
    units=st.integers(1, 3),
    width=st.integers(1, 3),
    length=st.integers(1, 4),
    every=...,
    reverse=...,
)
def test_a_recurrent_layer_of_any_shape_keeps_its_promises(
    make: Any, units: int, width: int, length: int, every: bool, reverse: bool
) -> None:
    check_layer(make(units, every, reverse), (length, width), samples=2)
