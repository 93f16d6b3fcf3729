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
from annex_actors.layers import activation

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
    np.testing.assert_allclose(output("sigmoid", inputs), scipy.special.expit(inputs), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(output("softmax", inputs), scipy.special.softmax(inputs, axis=1), rtol=1e-12)


@settings(deadline=None, print_blob=True)
@given(rows, rows)
def test_softmax_pulls_back_by_its_whole_jacobian(inputs: Floats, grad_output: Floats) -> None:
    outputs = output("softmax", inputs)
    jacobians = [np.diag(row) - np.outer(row, row) for row in outputs]
    expected = np.stack([jacobian @ row for jacobian, row in zip(jacobians, grad_output, strict=True)])
    np.testing.assert_allclose(gradient("softmax", inputs, grad_output), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_numbers_neither_overflow_nor_warn(name: str, dtype: type[np.floating[Any]]) -> None:
    largest = np.finfo(dtype).max / 2
    inputs = np.array([[-largest, 0, largest]], dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outputs = output(name, inputs)
        gradients = gradient(name, inputs, np.ones_like(inputs))
    assert outputs[0, 0] == (-1 if name == "tanh" else 0)
    assert outputs[0, 2] == 1
    assert np.isfinite(gradients).all()


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
    with pytest.raises(ConfigError, match=r"one of relu, sigmoid, tanh, softmax, linear, got 'rleu'"):
        activation("rleu")


@pytest.mark.parametrize("name", [("tanh", 0.5), ("relu",), ["relu", 0.5], None, 3])
def test_a_value_that_is_neither_a_name_nor_a_relu_with_its_threshold_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r'expected `activation` to be a name or \("relu", threshold\), got'):
        activation(name)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), "high", None, True])
def test_a_threshold_is_a_finite_number(threshold: float) -> None:
    with pytest.raises(ConfigError, match="expected `threshold` to be a number that is finite, got"):
        activation(("relu", threshold))
