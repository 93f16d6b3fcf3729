from __future__ import annotations

import math

import numpy as np
import pytest

from annex_actors.base.types import Floats, Parameters
from annex_actors.optimizers import Optimizer, optimizer


def run(chosen: Optimizer, weight: Floats, gradients: list[Floats]) -> tuple[Parameters, Parameters]:
    parameters: Parameters = {"weight": weight}
    state = chosen.initial_state(parameters)
    for step, gradient in enumerate(gradients):
        parameters, state = chosen.update(step, parameters, {"weight": gradient.copy()}, state)
    return parameters, state


def test_the_first_step_has_the_length_of_the_learning_rate_whatever_the_gradient() -> None:
    gradient = np.array([1e-3, -5.0, 1e4])
    parameters, _ = run(optimizer("adam", learning_rate=0.01), np.zeros(3), [gradient])
    np.testing.assert_allclose(parameters["weight"], [-0.01, 0.01, -0.01], rtol=1e-4)


def test_the_first_two_steps_are_those_computed_by_hand() -> None:
    chosen = optimizer("adam", learning_rate=0.1, beta1=0.5, beta2=0.75, epsilon=1.0)
    parameters, state = run(chosen, np.array([1.0]), [np.array([2.0])])
    # m = 1, v = 1; unbiased 1 / 0.5 = 2 and 1 / 0.25 = 4; step 0.1 * 2 / (2 + 1)
    first = 1 - 0.1 * 2 / 3
    assert parameters["weight"][0] == pytest.approx(first, rel=1e-14)
    assert (state["mean.weight"][0], state["square.weight"][0]) == (1, 1)
    parameters, state = run(chosen, np.array([1.0]), [np.array([2.0]), np.array([-4.0])])
    # m = 0.5 - 2 = -1.5, v = 0.75 + 4 = 4.75; unbiased -1.5 / 0.75 = -2 and 4.75 / 0.4375
    second = first + 0.1 * 2 / (math.sqrt(4.75 / 0.4375) + 1)
    assert parameters["weight"][0] == pytest.approx(second, rel=1e-14)
    assert (state["mean.weight"][0], state["square.weight"][0]) == (-1.5, 4.75)


def test_many_steps_follow_the_formula_of_the_paper() -> None:
    gradients = list(np.random.default_rng(0).standard_normal((50, 3)))
    weight, mean, square = np.ones(3), np.zeros(3), np.zeros(3)
    for count, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        weight = weight - 0.001 * (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-8)
    parameters, state = run(optimizer("adam"), np.ones(3), gradients)
    np.testing.assert_allclose(parameters["weight"], weight, rtol=1e-12)
    np.testing.assert_allclose(state["mean.weight"], mean, rtol=1e-11)
    np.testing.assert_allclose(state["square.weight"], square, rtol=1e-11)


def test_weight_decay_shrinks_the_weight_independently_of_the_adapted_step() -> None:
    gradients = [np.array([3.0])]
    plain, _ = run(optimizer("adam", learning_rate=0.1), np.array([2.0]), gradients)
    decayed, _ = run(optimizer("adam", learning_rate=0.1, weight_decay=0.5), np.array([2.0]), gradients)
    assert decayed["weight"][0] == pytest.approx(plain["weight"][0] - 0.1 * 0.5 * 2, rel=1e-14)


def test_a_weight_whose_gradient_is_always_zero_stays() -> None:
    parameters, _ = run(optimizer("adam"), np.array([2.0]), [np.zeros(1)] * 3)
    assert parameters["weight"][0] == 2


def test_running_means_are_named_after_their_parameters() -> None:
    state = optimizer("adam").initial_state({"weight": np.ones((2, 2)), "bias": np.ones(2)})
    assert list(state) == ["mean.weight", "mean.bias", "square.weight", "square.bias"]


def test_settings_from_numpy_do_not_turn_single_precision_into_double() -> None:
    chosen = optimizer("adam", learning_rate=np.float64(0.1), beta1=np.float64(0.9), weight_decay=np.float64(0.1))
    parameters, state = run(chosen, np.ones(2, np.float32), [np.ones(2, np.float32)])
    assert {array.dtype for array in (*parameters.values(), *state.values())} == {np.dtype(np.float32)}
