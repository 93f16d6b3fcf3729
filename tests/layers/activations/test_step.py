"""The step, and Rosenblatt's rule."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors import Dataset, Learner, Sgd, activation, dense, sequence
from annex_actors.layers import Step
from annex_actors.testing import check_layer


def test_it_is_one_above_zero() -> None:
    outputs = Step()(np.array([-1.0, 0.0, 2.0], np.float32))
    assert outputs.tolist() == [0, 0, 1]
    assert outputs.dtype == np.float32


@pytest.mark.parametrize("shape", [(4,), (2, 3)])
def test_it_keeps_all_promises_of_a_layer_but_the_gradient(shape: tuple[int, ...]) -> None:
    check_layer(activation("step"), shape, gradients=False)


def test_a_dense_layer_with_a_step_learns_by_the_perceptron_rule() -> None:
    rows = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 0], [0.5, 1, 1]])
    labels = np.array([0.0, 1.0, 0.0, 1.0])
    network = sequence(dense(1, weights=[[0.5], [-0.25], [0.0]], biases=[0.25]), activation("step"))
    data = Dataset.from_arrays(rows, labels, test_fraction=0)
    learner = Learner(
        network, cost="mean_squared_error", optimizer=Sgd(learning_rate=0.125), runtime="inline", dtype="float64"
    )
    weights = learner.train(data, epochs=3, batch_size=4).checkpoint.weights
    weight, bias = np.array([0.5, -0.25, 0.0]), 0.25
    for _ in range(3):  # all four samples, each with a quarter of 0.25
        errors = labels - (rows @ weight + bias > 0)
        weight, bias = weight + 0.25 * errors @ rows / 4, bias + 0.25 * errors.sum() / 4
    np.testing.assert_allclose(weights["0.weight"][:, 0], weight, atol=1e-12)
    np.testing.assert_allclose(weights["0.bias"], [bias], atol=1e-12)
