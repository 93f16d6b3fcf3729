from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.types import Floats
from annex_actors.optimizers import Optimizer, optimizer


def weights_of(chosen: Optimizer, gradients: list[float]) -> list[float]:
    """Return a weight that starts at 1, after each of these gradients."""
    parameters, state = {"weight": np.array([1.0])}, chosen.initial_state({"weight": np.array([1.0])})
    weights = []
    for step, gradient in enumerate(gradients):
        following, state = chosen.update(step, parameters, {"weight": np.array([gradient], dtype=float)}, state)
        parameters = dict(following)
        weights.append(float(parameters["weight"][0]))
    return weights


def test_without_momentum_a_step_is_the_gradient_times_the_learning_rate() -> None:
    assert weights_of(optimizer("sgd", learning_rate=0.5), [1, -2]) == [0.5, 1.5]


def test_with_momentum_the_velocity_decays_and_adds_the_gradient() -> None:
    # v = 1, then 0.5 + 2 = 2.5, then 1.25 - 4 = -2.75
    expected = [1 - 0.5, 0.5 - 1.25, -0.75 + 1.375]
    assert weights_of(optimizer("sgd", learning_rate=0.5, momentum=0.5), [1, 2, -4]) == expected


def test_nesterov_steps_by_the_gradient_and_the_next_velocity() -> None:
    # v = 1, then 2.5; steps (1 + 0.5), then (2 + 1.25)
    expected = [1 - 0.75, 0.25 - 1.625]
    assert weights_of(optimizer("sgd", learning_rate=0.5, momentum=0.5, nesterov=True), [1, 2]) == expected


def test_annexs_learning_rate_is_the_default() -> None:
    assert weights_of(optimizer("sgd"), [1]) == [0.95]


def test_velocities_are_named_after_their_parameters_and_exist_only_with_momentum() -> None:
    parameters: dict[str, Floats] = {"weight": np.ones((2, 2)), "bias": np.ones(2)}
    assert optimizer("sgd").initial_state(parameters) == {}
    state = optimizer("sgd", momentum=0.9).initial_state(parameters)
    assert list(state) == ["velocity.weight", "velocity.bias"]
    assert not any(velocity.any() for velocity in state.values())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_learning_rate_from_numpy_does_not_turn_single_precision_into_double(momentum: float) -> None:
    chosen = optimizer("sgd", learning_rate=np.float64(0.1), momentum=np.float64(momentum))
    parameters = {"weight": np.ones(2, np.float32)}
    following, state = chosen.update(
        0, parameters, {"weight": np.ones(2, np.float32)}, chosen.initial_state(parameters)
    )
    assert {array.dtype for array in (*following.values(), *state.values())} == {np.dtype(np.float32)}
