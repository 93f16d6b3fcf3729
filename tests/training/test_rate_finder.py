"""The search for a learning rate is a training, exact on every runtime, and what it says is a function of its costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.layers import dense, sequence
from annex_actors.optimizers import Adam, Sgd
from annex_actors.runtimes import InlineRuntime
from annex_actors.training.learner import Learner
from annex_actors.training.rate_finder import EXPLODED, Ramp, RateSearch, searched
from tests.trainings import REGRESSOR, Training, fingerprints, host_named

TRAINING = Training()


def search(host: Any = "inline", training: Training = TRAINING, **settings: Any) -> RateSearch:
    learner = training.learner(host_named(host) if isinstance(host, str) else host)
    return learner.find_learning_rate(training.dataset, **{"steps": 40, "batch_size": 5, **settings})


def test_the_rate_rises_exponentially() -> None:
    ramp = Ramp(1e-5, 1.0, 51)
    rates = [ramp.at(step) for step in range(51)]
    assert rates[0] == 1e-5
    assert rates[-1] == pytest.approx(1.0)
    assert np.allclose(np.diff(np.log(rates)), np.log(1e5) / 50)


def test_the_costs_are_those_of_a_training_with_that_rule() -> None:
    found = search(highest=0.1)
    assert not found.exploded
    optimizer = Adam(learning_rate=Ramp(1e-6, 0.1, 40))
    learner = Learner(TRAINING.network, optimizer=optimizer, microbatches=2, runtime="inline", seed=TRAINING.seed)
    expected = learner.train(TRAINING.dataset, epochs=14, batch_size=5).checkpoint.costs[:40]
    assert found.cost == expected
    assert found.learning_rate == tuple(optimizer.learning_rate.at(step) for step in range(40))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "host", ["threads", "schedulers", "processes", InlineRuntime(kill={90, 400, 1000}.__contains__)]
)
def test_it_is_the_same_on_every_runtime_and_after_kills(host: Any) -> None:
    assert search(host) == search()


DIVERGING = Training(network=sequence(dense(2)), cost="mean_squared_error", optimizer=Sgd())


@pytest.mark.parametrize("host", ["inline", "threads", "processes"])
def test_a_cost_that_is_no_longer_finite_ends_the_search(host: str) -> None:
    found = search(host, DIVERGING, highest=1e30, steps=60)
    assert found.exploded
    assert np.isfinite(found.cost).all()
    assert found == search("inline", DIVERGING, highest=1e30, steps=60)
    assert found.suggestion is not None
    assert found.suggestion < 1e3


def test_what_comes_after_an_explosion_is_left_out() -> None:
    costs = [1.0] * 20 + [1000.0] * 10
    found = searched(Ramp(1e-3, 1.0, 30), costs)
    assert found.exploded
    assert len(found.cost) == 20
    assert all(value <= EXPLODED * min(found.smoothed) for value in found.smoothed)


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_the_first_steps_is_no_fall(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.25, 100)
    falling = np.interp(np.arange(100), [0, 50, 75, 100], [1.2, 1.1, 0.3, 0.3])
    ramp = Ramp(1e-6, 10.0, 100)
    found = searched(ramp, (falling + noise).tolist())
    assert found.suggestion is not None
    assert ramp.at(40) < found.suggestion < ramp.at(80)


def test_the_suggestion_is_where_the_cost_falls_fastest() -> None:
    costs = [2.0] * 30 + [2.0 - 0.1 * step for step in range(1, 16)] + [0.5] * 15
    ramp = Ramp(1e-4, 1.0, 60)
    found = searched(ramp, costs)
    assert found.suggestion is not None
    assert ramp.at(30) < found.suggestion < ramp.at(50)
    assert searched(ramp, [1.0 + step for step in range(60)]).suggestion is None
    assert searched(ramp, []).suggestion is None


def test_the_learner_does_not_change() -> None:
    learner = Training(network=REGRESSOR, cost="mean_squared_error").learner()
    data = Training(cost="mean_squared_error").dataset
    before = learner.train(data, epochs=1, batch_size=5)
    learner.find_learning_rate(data, steps=10, batch_size=5)
    assert learner.result is before
    assert learner.checkpoint is before.checkpoint
    fresh = Training(network=REGRESSOR, cost="mean_squared_error").learner().train(data, epochs=1, batch_size=5)
    assert fingerprints(fresh.checkpoint) == fingerprints(before.checkpoint)


@dataclass(frozen=True)
class Fixed:
    name = "fixed"

    def initial_state(self, parameters: Any) -> Any:
        return {}

    def update(self, parameters: Any, gradients: Any, state: Any, step: int) -> Any:
        return parameters, state


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lowest": 0}, "expected `lowest` to be a number > 0"),
        ({"lowest": 1.0, "highest": 0.5}, "expected `highest` to be a number > 1"),
        ({"steps": 9}, "expected `steps` to be an integer >= 10"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        search(**settings)


def test_an_optimizer_without_a_learning_rate_is_refused() -> None:
    learner = Learner(TRAINING.network, optimizer=Fixed(), runtime="inline")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected an optimizer with a `learning_rate`"):
        learner.find_learning_rate(TRAINING.dataset)
