"""Every optimizer keeps the promises of the protocol; a new one is one more line."""

from __future__ import annotations

import pytest

from annex_actors.optimizers import OPTIMIZERS, Optimizer, optimizer
from annex_actors.testing import check_optimizer

CHOICES = [
    optimizer("sgd"),
    optimizer("sgd", learning_rate=0.5),
    optimizer("sgd", momentum=0.9),
    optimizer("sgd", momentum=0.9, nesterov=True),
    optimizer("adam"),
    optimizer("adam", learning_rate=0.1, beta1=0.0, beta2=0.0, epsilon=1e-3),
    optimizer("adam", weight_decay=0.1),
    optimizer("sgd", momentum=0.9, weight_decay=0.1),
    optimizer("adamw"),
    optimizer("adamw", weight_decay=0.5, decay_biases=True),
    optimizer("rmsprop"),
    optimizer("rmsprop", momentum=0.9, centered=True, weight_decay=0.1),
    optimizer("adagrad"),
    optimizer("adagrad", learning_rate=0.5, initial_accumulator_value=0.1, weight_decay=0.1, decay_biases=True),
    optimizer("lion"),
    optimizer("lion", learning_rate=0.01, weight_decay=0.5),
]


@pytest.mark.parametrize("chosen", CHOICES, ids=repr)
@pytest.mark.parametrize("seed", [0, 1])
def test_an_optimizer_keeps_its_promises(chosen: Optimizer, seed: int) -> None:
    check_optimizer(chosen, seed=seed)


def test_every_built_in_optimizer_is_checked() -> None:
    assert {chosen.name for chosen in CHOICES} == set(OPTIMIZERS)
