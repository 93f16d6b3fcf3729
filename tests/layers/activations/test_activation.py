from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Floats
from annex_actors.layers import activation, prelu
from annex_actors.layers.activations.activation import FUNCTIONS

rows = arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3))


def output(name: str | tuple[str, float], inputs: Floats) -> Floats:
    return activation(name).forward({}, inputs, None)[0]


def gradient(name: str | tuple[str, float], inputs: Floats, grad_output: Floats) -> Floats:
    layer = activation(name)
    _, saved = layer.forward({}, inputs, None)
    grad_input, factors = layer.backward({}, saved, grad_output, True)
    assert grad_input is not None
    assert factors == ()
    return grad_input


def test_a_relu_passes_positive_numbers() -> None:
    assert output("relu", np.array([[-2.0, 0.0, 3.0]])).tolist() == [[0, 0, 3]]


def test_a_relu_passes_no_gradient_where_its_input_was_not_positive() -> None:
    assert gradient("relu", np.array([[-2.0, 0.0, 3.0]]), np.array([[5.0, 6.0, 7.0]])).tolist() == [[0, 0, 7]]


def test_a_relu_with_a_threshold_never_gives_less_than_it() -> None:
    inputs = np.array([[-2.0, 0.5, 0.75]])
    assert output(("relu", 0.5), inputs).tolist() == [[0.5, 0.5, 0.75]]
    assert gradient(("relu", 0.5), inputs, np.ones((1, 3))).tolist() == [[0, 0, 1]]


def test_a_threshold_that_float32_rounds_is_the_same_forward_and_backward() -> None:
    inputs = np.array([[0.1, np.nextafter(np.float32(0.1), np.float32(1)), 0.0]], np.float32)
    assert gradient(("relu", 0.1), inputs, np.ones((1, 3), np.float32)).tolist() == [[0, 1, 0]]


def test_a_relu_does_not_hide_a_nan() -> None:
    assert np.isnan(output("relu", np.array([[np.nan]]))).all()


@settings(deadline=None, print_blob=True)
@given(rows)
def test_the_functions_are_the_known_ones(inputs: Floats) -> None:
    assert np.array_equal(output("relu", inputs), np.where(inputs > 0, inputs, 0))
    assert np.array_equal(output("tanh", inputs), np.tanh(inputs))
    assert np.array_equal(output("linear", inputs), inputs)
    assert np.array_equal(output("leaky_relu:0.25", inputs), np.where(inputs > 0, inputs, inputs / 4))
    np.testing.assert_allclose(output("gelu", inputs), inputs * scipy.special.ndtr(inputs), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(output("silu", inputs), inputs * scipy.special.expit(inputs), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(output("softplus", inputs), np.logaddexp(0, inputs), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(output("log_softmax", inputs), scipy.special.log_softmax(inputs, axis=1), rtol=1e-12)
    np.testing.assert_allclose(output("sigmoid", inputs), scipy.special.expit(inputs), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(output("softmax", inputs), scipy.special.softmax(inputs, axis=1), rtol=1e-12)


@settings(deadline=None, print_blob=True)
@given(rows, rows)
def test_softmax_pulls_back_by_its_whole_jacobian(inputs: Floats, grad_output: Floats) -> None:
    outputs = output("softmax", inputs)
    jacobians = [np.diag(row) - np.outer(row, row) for row in outputs]
    expected = np.stack([jacobian @ row for jacobian, row in zip(jacobians, grad_output, strict=True)])
    np.testing.assert_allclose(gradient("softmax", inputs, grad_output), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("sigmoid", 0, 1),
        ("tanh", -1, 1),
        ("softmax", 0, 1),
        ("log_softmax", None, 0),
        ("relu", 0, None),
        ("leaky_relu", None, None),
        ("elu:2", -2, None),
        ("gelu", 0, None),
        ("gelu:tanh", 0, None),
        ("silu", 0, None),
        ("softplus", 0, None),
        ("softplus:8", 0, None),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_numbers_neither_overflow_nor_warn(
    name: str, left: float | None, right: float | None, dtype: type[np.floating[Any]]
) -> None:
    largest = np.finfo(dtype).max / 2
    inputs = np.array([[-largest, 0, largest]], dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outputs = output(name, inputs)
        gradients = gradient(name, inputs, np.ones_like(inputs))
    assert np.isfinite(outputs).all()
    assert left is None or outputs[0, 0] == left
    assert outputs[0, 2] == (largest if right is None else right)
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize("name", ["gelu", "gelu:tanh"])
def test_gelu_is_as_exact_in_single_precision_as_that_is(name: str) -> None:
    inputs = np.linspace(-20, 20, 100_001).reshape(1, -1)
    single, ones = inputs.astype(np.float32), np.ones_like(inputs)
    exact, exact_gradient = output(name, single.astype(np.float64)), gradient(name, single.astype(np.float64), ones)
    assert np.abs(output(name, single) - exact).max() < 2e-6
    assert np.abs(gradient(name, single, ones.astype(np.float32)) - exact_gradient).max() < 3e-6


def test_softplus_is_its_input_beyond_the_threshold() -> None:
    inputs = np.array([[-3.0, 0.4, 0.6]])
    assert output("softplus:2:1", inputs)[0, 2] == 0.6
    assert gradient("softplus:2:1", inputs, np.ones((1, 3)))[0, 2] == 1
    assert output("softplus:2:1", inputs)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("leaky_relu:0.2", "leaky_relu:negative_slope=0.2"),
        ("leaky_relu:negative_slope=0.01", "leaky_relu"),
        ("gelu:tanh", "gelu:approximate=tanh"),
        ("gelu:none", "gelu"),
        ("softplus:2", "softplus:beta=2.0"),
        ("elu:1", "elu"),
        ("relu:0.5", "relu:0.5"),
    ],
)
def test_arguments_are_written_as_in_the_text_of_a_network(text: str, spec: str) -> None:
    layer = activation(text)
    assert layer.spec() == spec
    assert activation(spec) == layer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leaky_relu:1", "activation, 'leaky_relu:1': expected `negative_slope` to be a number >= 0 and < 1, got 1"),
        ("elu:-1", "expected `alpha` to be a number >= 0, got -1"),
        ("gelu:sigmoid", "expected `approximate` to be one of none, tanh, got 'sigmoid'"),
        ("softplus:0", "expected `beta` to be a number > 0, got 0"),
        ("softplus:1:-1", "expected `threshold` to be a number >= 0, got -1"),
        ("tanh:2", "expected `activation` as tanh, got 'tanh:2'"),
        ("elu:beta=2", r"expected `activation` as elu\[:alpha\], got 'elu:beta=2'"),
    ],
)
def test_a_wrong_argument_is_refused_on_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        activation(text)
    assert "\n" not in str(caught.value)


def test_the_weights_below_a_rectifier_are_initialized_as_for_a_relu() -> None:
    rectifying = {name for name in FUNCTIONS if activation(name).rectifies}
    assert rectifying == {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}
    assert prelu().rectifies


def test_a_threshold_of_minus_zero_is_zero_to_the_bit() -> None:
    assert not np.signbit(output(("relu", -0.0), np.array([[-1.0]]))).any()


def test_linear_returns_the_array_it_was_given() -> None:
    inputs, grad_output = np.ones((1, 2)), np.ones((1, 2))
    assert output("linear", inputs) is inputs
    assert gradient("linear", inputs, grad_output) is grad_output


def test_a_threshold_from_numpy_does_not_turn_single_precision_into_double() -> None:
    layer = activation(("relu", np.float64(0.5)))
    assert layer.forward({}, np.ones((1, 2), np.float32), None)[0].dtype == np.float32
    assert layer.spec() == "relu:0.5"


def test_an_unknown_activation_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"one of relu, leaky_relu, .*, step, got 'rleu'; did you mean 'relu'"):
        activation("rleu")


@pytest.mark.parametrize("name", [("tanh", 0.5), ("relu",), ["relu", 0.5], None, 3])
def test_a_value_that_is_neither_a_name_nor_a_relu_with_its_threshold_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r'expected `activation` to be a name or \("relu", threshold\), got'):
        activation(name)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), "high", None, True])
def test_a_threshold_is_a_finite_number(threshold: float) -> None:
    with pytest.raises(ConfigError, match="expected `threshold` to be a number that is finite, got"):
        activation(("relu", threshold))
