"""The plain program agrees with the formulas written out in NumPy for one network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from annex_actors.base.types import Floats
from annex_actors.data import Batches
from annex_actors.layers import activation, dense, sequence
from annex_actors.optimizers import Adam, Optimizer, Sgd
from tests.oracle.plain import plain
from tests.trainings import Training, samples

Update = Callable[[int, str, Floats, Floats], Floats]
"""From (step, name, weights, gradient), the next weights."""

NETWORK = sequence(dense(5), activation("tanh"), dense(2))


def by_hand(training: Training, update: Update) -> tuple[dict[str, Floats], list[float]]:
    """Train ``tanh(x W + b) V + c`` on squared errors, with whole batches, in float64."""
    learned = samples(training.size, training.cost)
    batches = Batches(training.size, training.batch_size, training.seed)
    w = {name: array.astype(np.float64) for name, array in training.initial.weights.items()}
    costs = []
    for step in range(training.steps):
        x, t = (array[batches.indices(step)].astype(np.float64) for array in (learned.inputs, learned.targets))
        hidden = np.tanh(x @ w["0.weight"] + w["0.bias"])
        outputs = hidden @ w["2.weight"] + w["2.bias"]
        costs.append(float(((outputs - t) ** 2).mean()))
        back = 2 * (outputs - t) / t.size
        through = (back @ w["2.weight"].T) * (1 - hidden**2)
        gradients = {
            "0.weight": x.T @ through,
            "0.bias": through.sum(axis=0),
            "2.weight": hidden.T @ back,
            "2.bias": back.sum(axis=0),
        }
        for name, gradient in gradients.items():
            w[name] = np.asarray(update(step, name, w[name], gradient), np.float64)
    return dict(w), costs


def momentum(rate: float, keep: float) -> Update:
    velocity: dict[str, Floats] = {}

    def update(step: int, name: str, weights: Floats, gradient: Floats) -> Floats:
        velocity[name] = keep * velocity.get(name, np.zeros_like(weights)) + gradient
        return weights - rate * velocity[name]

    return update


def adam(rate: float) -> Update:
    means: dict[str, tuple[Floats, Floats]] = {}

    def update(step: int, name: str, weights: Floats, gradient: Floats) -> Floats:
        mean, square = means.get(name, (np.zeros_like(weights), np.zeros_like(weights)))
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        means[name] = mean, square
        unbiased, spread = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        result: Floats = weights - rate * unbiased / (np.sqrt(spread) + 1e-8)
        return result

    return update


OPTIMIZERS: dict[str, tuple[Optimizer, Callable[[], Update]]] = {
    "sgd": (Sgd(learning_rate=0.1), lambda: momentum(0.1, 0.0)),
    "momentum": (Sgd(learning_rate=0.1, momentum=0.9), lambda: momentum(0.1, 0.9)),
    "adam": (Adam(learning_rate=0.01), lambda: adam(0.01)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("microbatches", [1, 2, 3, 8])
def test_the_plain_program_computes_what_the_formulas_say(name: str, microbatches: int) -> None:
    optimizer, rule = OPTIMIZERS[name]
    training = Training(
        network=NETWORK,
        cost="mean_squared_error",
        optimizer=optimizer,
        microbatches=microbatches,
        size=23,
        batch_size=10,
        epochs=3,
    )
    weights, costs = by_hand(training, rule())
    checkpoint = plain(training)
    assert checkpoint.costs == pytest.approx(costs, rel=1e-4)
    for each, expected in weights.items():
        np.testing.assert_allclose(checkpoint.weights[each], expected, rtol=2e-3, atol=2e-5)
