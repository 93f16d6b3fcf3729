"""Each layer predicts in onnxruntime what it predicts here, in float32 and in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors import Learner
from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Shape
from annex_actors.export import onnx_model
from annex_actors.export.network import LAYERS as TRANSLATED
from annex_actors.export.network import STACK_LAYERS
from annex_actors.layers import LAYERS, Network, layer, parse_layers, sequence
from annex_actors.layers.parse import encloses
from tests.export.networks import learner_of, samples_for
from tests.layers.networks import NETWORKS
from tests.layers.test_conformance import EXAMPLES, RULES, STACK_EXAMPLES
from tests.own_layers import Norm

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

CASES = [
    *((sequence(layer), shape) for layer, shape in (*EXAMPLES, *RULES)),
    *((each.network, each.input_shape) for each in NETWORKS),
]


def predicted(model: Any, inputs: Array) -> Array:
    """Return what onnxruntime predicts."""
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (outputs,) = session.run(["predictions"], {"inputs": inputs})
    return np.asarray(outputs)


def assert_predicts(learner: Learner, inputs: Array) -> None:
    """Check that the model of a learner is valid, and predicts what the learner does."""
    model, expected = onnx_model(learner), learner.predict(inputs)
    onnx.checker.check_model(model, full_check=True)
    found = predicted(model, inputs.astype(learner.spec.dtype))
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("network", "shape"), CASES, ids=[f"{network.spec()}-{shape}" for network, shape in CASES])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_predicts_the_same(network: Network, shape: Shape, dtype: str) -> None:
    assert_predicts(learner_of(network, shape, dtype=dtype), samples_for(network, shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "text",
    [
        "mask lstm:3:return_sequences=true unmask",
        "mask lstm:3:reverse=true unmask",
        "mask gru:3:return_sequences=true:reverse=true unmask",
        "mask gru:3 unmask",
        "mask self_attention:2 masked_avg_pool",
        "mask self_attention:2:causal=true unmask",
        "mask residual( layer_norm self_attention:4 ) masked_avg_pool dense:2",
    ],
)
def test_padding_is_left_out_wherever_it_is(text: str, dtype: str) -> None:
    inputs = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    inputs[0, 3:] = inputs[1, :2] = inputs[2, 2] = inputs[3, 0::2] = inputs[4] = 0
    assert_predicts(learner_of(parse_layers(text), (5, 4), dtype=dtype), inputs)


BLOCKS = [
    "relu", "gelu", "silu", "dense:4", "dense:6 tanh", "layer_norm", "rms_norm", "batch_norm", "dropout:0.3",
    "residual( layer_norm self_attention:2 )", "residual( gru:4:return_sequences=true )", "conv1d:4:3:padding=same",
    "concat( dense:3 sequence( dense:3 elu ) )", "add( dense:4 lstm:4:return_sequences=true )", "positions",
    "max_pool1d:2:padding=same", "repeat:2( dense:4 softplus )",
]  # fmt: skip


@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6), st.sampled_from(["float32", "float64"]))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_networks_of_any_blocks_predict_the_same(blocks: list[str], dtype: str) -> None:
    text = " dense:4 ".join(blocks)
    network, shape = parse_layers(f"dense:4 {text} flatten dense:3"), (8, 4)
    assert_predicts(learner_of(network, shape, cost="softmax_cross_entropy", dtype=dtype), samples_for(network, shape))


def test_a_batch_has_any_length() -> None:
    network = parse_layers("conv2d:3:3:padding=same relu flatten dense:2")
    learner = learner_of(network, (4, 4, 1))
    for rows in (1, 2, 17):
        assert_predicts(learner, samples_for(network, (4, 4, 1), rows))


def test_every_layer_in_the_table_has_operators_but_for_modules_of_torch() -> None:
    known = {type(layer) for layer, _ in (*EXAMPLES, *RULES)} | {type(layer) for layer, _ in STACK_EXAMPLES}
    assert known == {*TRANSLATED, *STACK_LAYERS}
    named = {layer.name for layer, _ in (*EXAMPLES, *RULES)} | {layer.name for layer, _ in STACK_EXAMPLES}
    assert named | {name for name, made in LAYERS.items() if encloses(made)} == {*LAYERS} - {"torch_module"}


def test_a_layer_without_operators_is_named() -> None:
    for own in (Norm(), layer(np.sin, lambda inputs, gradient: np.cos(inputs) * gradient)):
        network = sequence(own, parse_layers("dense:2"))
        with pytest.raises(
            ConfigError, match=rf"^expected layers that ONNX has operators for, got layer 0 \({own.spec()}"
        ):
            onnx_model(learner_of(network, (3,)))
