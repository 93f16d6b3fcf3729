from __future__ import annotations

import numpy as np
import pytest

from annex_actors.costs import cost

MSE = cost("mean_squared_error")


def test_the_cost_is_the_mean_over_samples_and_outputs() -> None:
    outputs, targets = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [3.0, 1.0]])
    value, gradient = MSE.evaluate(outputs, targets, 2)
    assert value == (1 + 0 + 0 + 9) / 4
    assert gradient.tolist() == [[0.5, 0], [0, 1.5]]


def test_a_share_is_weighted_by_the_samples_of_the_batch() -> None:
    outputs, targets = np.array([[3.0]]), np.array([[1.0]])
    assert MSE.evaluate(outputs, targets, 1)[0] == 4
    value, gradient = MSE.evaluate(outputs, targets, 8)
    assert (value, gradient.tolist()) == (0.5, [[0.5]])


def test_the_sum_is_taken_in_double_precision() -> None:
    outputs = np.ones((10**6, 1), np.float32)
    outputs[0] = 1e4
    value, _ = MSE.evaluate(outputs, np.zeros_like(outputs), 1)
    assert value == 1e8 + 999_999


def test_a_prediction_is_the_output_itself() -> None:
    outputs = np.ones((2, 2))
    assert MSE.predictions(outputs) is outputs


def test_the_gradient_has_the_precision_of_the_outputs_even_with_targets_in_double_precision() -> None:
    _, gradient = MSE.evaluate(np.ones((1, 1), np.float32), np.array([[0.1]]), 1)
    assert gradient.dtype == np.float32
    assert gradient[0, 0] == pytest.approx(1.8, rel=1e-6)
