from __future__ import annotations

import pickle

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.layers import dense

KEY = RandomKey(seed=7, layer=1)
FLOAT64 = np.dtype(np.float64)


def test_a_dense_layer_computes_its_three_products_by_hand() -> None:
    layer = dense(2, weights=[[1, 2], [3, 4], [5, 6]], biases=[10, 20])
    parameters = layer.initial_parameters((3,), KEY, FLOAT64)
    inputs = np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]])
    outputs, saved = layer.forward(parameters, inputs, KEY)
    assert outputs.tolist() == [[6, 16], [15, 28]]
    grad_output = np.array([[1.0, 0.0], [0.0, 2.0]])
    grad_input, factors = layer.backward(parameters, saved, grad_output, True)
    assert grad_input is not None
    assert grad_input.tolist() == [[1, 3, 5], [4, 8, 12]]
    gradients = layer.weight_gradient(factors)
    assert gradients["weight"].tolist() == [[1, 4], [0, 2], [-1, 0]]
    assert gradients["bias"].tolist() == [1, 2]


def test_biases_start_at_zero_and_weights_do_not() -> None:
    parameters = dense(6).initial_parameters((4,), KEY, FLOAT64)
    assert not parameters["bias"].any()
    assert parameters["weight"].all()


def test_initial_weights_depend_on_the_key_alone() -> None:
    draw = dense(6).initial_parameters
    here, again = draw((4,), KEY, FLOAT64)["weight"], draw((4,), KEY, FLOAT64)["weight"]
    elsewhere = draw((4,), RandomKey(seed=7, layer=2), FLOAT64)["weight"]
    assert np.array_equal(here, again)
    assert not np.isclose(here, elsewhere).any()


def test_precisions_start_from_the_same_weights() -> None:
    single = dense(6).initial_parameters((4,), KEY, np.dtype(np.float32))["weight"]
    double = dense(6).initial_parameters((4,), KEY, FLOAT64)["weight"]
    assert np.array_equal(single, double.astype(np.float32))


def test_weights_may_be_given_without_biases_and_the_reverse() -> None:
    given_weights = dense(1, weights=[[1], [2]]).initial_parameters((2,), KEY, FLOAT64)
    assert given_weights["weight"].tolist() == [[1], [2]]
    assert given_weights["bias"].tolist() == [0]
    given_biases = dense(1, biases=[3]).initial_parameters((2,), KEY, FLOAT64)
    assert given_biases["weight"].shape == (2, 1)
    assert given_biases["bias"].tolist() == [3]


def test_given_weights_determine_the_number_of_inputs() -> None:
    layer = dense(1, weights=[[1], [2]])
    assert layer.in_features == 2
    with pytest.raises(ShapeError, match=r"expected samples of shape \(..., 2\), got \(3,\)"):
        layer.output_shape((3,))


def test_changing_the_array_that_was_given_does_not_change_the_layer() -> None:
    weights = np.ones((2, 1))
    layer = dense(1, weights=weights)
    weights[:] = 5
    assert layer.initial_parameters((2,), KEY, FLOAT64)["weight"].tolist() == [[1], [1]]


def test_layers_are_values_that_compare_and_pickle() -> None:
    layer = dense(1, weights=[[1], [2]], biases=[3])
    assert layer == dense(1, 2, weights=np.array([[1.0], [2.0]]), biases=(3,))
    assert layer != dense(1, weights=[[1], [4]], biases=[3])
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert hash(layer) == hash(dense(1, weights=[[1], [2]], biases=[3]))


def test_it_works_on_the_last_axis_and_leaves_the_others() -> None:
    layer, generator = dense(2), np.random.default_rng(0)
    parameters = layer.initial_parameters((5, 3), RandomKey(0), np.dtype(np.float64))
    inputs = generator.standard_normal((4, 5, 3))
    outputs, _ = layer.forward(parameters, inputs, None)
    assert layer.output_shape((5, 3)) == (5, 2)
    assert np.allclose(outputs, np.einsum("bti,io->bto", inputs, parameters["weight"]) + parameters["bias"])


def test_each_position_of_the_other_axes_counts_as_work() -> None:
    assert dense(2).work((3,)) == 8
    assert dense(2).work((5, 3)) == 40


def test_a_sample_without_an_axis_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected samples of shape \(..., features\), got \(\)"):
        dense(10).output_shape(())


def test_samples_with_another_number_of_inputs_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected samples of shape \(..., 784\), got \(64,\); give in_features=64"):
        dense(10, 784).output_shape((64,))
    with pytest.raises(ShapeError, match=r"got \(28, 28\); put flatten\(\) before dense:10:784"):
        dense(10, 784).output_shape((28, 28))


@pytest.mark.parametrize("out_features", [0, -1, 2.5, "3", True, None])
def test_a_layer_without_a_whole_number_of_outputs_is_refused(out_features: int) -> None:
    with pytest.raises(ConfigError, match=r"expected `out_features` to be an integer >= 1, got"):
        dense(out_features)


def test_weights_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected `weights` of shape .* = \(3, 2\), got \(3, 1\)$"):
        dense(2, 3, weights=np.ones((3, 1)))
    with pytest.raises(ShapeError, match=r"got \(2,\)$"):
        dense(2, weights=[1, 2])
    with pytest.raises(ShapeError, match=r"expected `biases` of shape .* = \(2,\), got \(2, 1\)"):
        dense(2, biases=[[1], [2]])


def test_annex_matrices_are_recognised_and_the_error_says_to_transpose_them() -> None:
    with pytest.raises(ShapeError, match=r"got \(2, 3\); transpose them: a row is an input"):
        dense(2, 3, weights=np.ones((2, 3)))


@pytest.mark.parametrize("weights", [[[1], ["x"]], [[1, 2], [3]], [[float("nan")]], [[float("inf")]]])
def test_weights_that_are_not_finite_numbers_are_refused(weights: list[list[float]]) -> None:
    with pytest.raises(ConfigError, match="expected `weights` to be"):
        dense(1, weights=weights)
