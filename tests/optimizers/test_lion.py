"""Lion, which torch does not have, follows the formula of its paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.types import Parameters
from annex_actors.optimizers import optimizer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    rate=st.sampled_from([1e-4, 0.01]),
    beta1=st.sampled_from([0.0, 0.5, 0.9]),
    beta2=st.sampled_from([0.0, 0.9, 0.99]),
    decay=st.sampled_from([0.0, 0.1, 1.0]),
    seed=st.integers(0, 1000),
)
def test_fifty_steps_follow_algorithm_2_of_the_paper(
    dtype: str, rate: float, beta1: float, beta2: float, decay: float, seed: int
) -> None:
    numbers = np.random.default_rng(seed)
    weight = numbers.standard_normal((3, 4))
    gradients = numbers.standard_normal((50, 3, 4))
    chosen = optimizer("lion", learning_rate=rate, beta1=beta1, beta2=beta2, weight_decay=decay)
    parameters: Parameters = {"weight": weight.astype(dtype)}
    state = chosen.initial_state(parameters)
    mean = np.zeros((3, 4))
    for step, gradient in enumerate(gradients):
        parameters, state = chosen.update(step, parameters, {"weight": gradient.astype(dtype)}, state)
        direction = np.sign(beta1 * mean + (1 - beta1) * gradient)
        weight = weight - rate * (direction + decay * weight)
        mean = beta2 * mean + (1 - beta2) * gradient
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(parameters["weight"], weight, rtol=0, atol=tolerance * np.abs(weight).max())
    np.testing.assert_allclose(state["mean.weight"], mean, rtol=0, atol=tolerance * np.abs(mean).max())


def test_every_weight_moves_by_the_learning_rate() -> None:
    weights = {"weight": np.zeros(3)}
    chosen = optimizer("lion", learning_rate=0.5)
    after, _ = chosen.update(0, weights, {"weight": np.array([1e-9, -7.0, 0.0])}, chosen.initial_state(weights))
    assert after["weight"].tolist() == [-0.5, 0.5, 0.0]
