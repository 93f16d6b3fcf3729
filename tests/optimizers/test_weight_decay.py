"""Weight decay means the same in every optimizer, and leaves biases and norms alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Parameters
from annex_actors.optimizers import OPTIMIZERS, optimizer

SHAPES = {"weight": (3, 2), "kernel": (2, 1, 2), "bias": (2,), "scale": (2,)}
DECAYING = ["weight", "kernel"]


def changed_by(name: str, **settings: Any) -> set[str]:
    """Return which parameters a step with weight decay leaves elsewhere than one without."""

    def after(weight_decay: float) -> Parameters:
        numbers = np.random.default_rng(0)
        parameters: Parameters = {each: 1 + numbers.random(shape) for each, shape in SHAPES.items()}
        gradients: Parameters = {each: 0.1 + numbers.random(shape) for each, shape in SHAPES.items()}
        chosen = optimizer(name, weight_decay=weight_decay, **settings)
        state = chosen.initial_state(parameters)
        for step in range(2):  # the first step of some has the same length whatever the gradient
            own = {each: gradient * (1 + step) for each, gradient in gradients.items()}
            parameters, state = chosen.update(step, parameters, own, state)
        return parameters

    with_decay, without = after(0.5), after(0.0)
    return {each for each in SHAPES if not np.array_equal(with_decay[each], without[each])}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_biases_and_norms_decay_only_where_that_is_asked_for(name: str) -> None:
    assert changed_by(name, decay_biases=False) == {*DECAYING}
    assert changed_by(name, decay_biases=True) == {*SHAPES}


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "adam"])
def test_by_default_biases_and_norms_do_not_decay(name: str) -> None:
    assert changed_by(name) == {*DECAYING}


def test_adam_lets_everything_decay_as_it_always_did() -> None:
    assert changed_by("adam") == {*SHAPES}


def test_adamw_is_adam_with_other_defaults() -> None:
    numbers = np.random.default_rng(0)
    weights = {each: numbers.standard_normal(shape).astype(np.float32) for each, shape in SHAPES.items()}
    after = []
    for chosen in (optimizer("adamw"), optimizer("adam", weight_decay=0.01, decay_biases=False)):
        gradients = {each: array.copy() for each, array in weights.items()}
        after.append(chosen.update(0, weights, gradients, chosen.initial_state(weights)))
    for one, other in zip(*after, strict=True):
        assert {each: array.tobytes() for each, array in one.items()} == {
            each: array.tobytes() for each, array in other.items()
        }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_settings_are_checked(name: str) -> None:
    with pytest.raises(ConfigError, match="expected `weight_decay` to be a number >= 0, got -1"):
        optimizer(name, weight_decay=-1)
    with pytest.raises(ConfigError, match="expected `decay_biases` to be true or false, got 1"):
        optimizer(name, decay_biases=1)
