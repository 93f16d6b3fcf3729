"""Predictions too are the same to the last bit on every runtime."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from annex_actors.base.types import Floats
from annex_actors.costs import cost
from annex_actors.data import Dataset, Samples
from annex_actors.layers import Network
from annex_actors.training.learner import Learner
from tests.trainings import CLASSES, CLASSIFIER, FEATURES, REGRESSOR, SKIPPING, outputs_of, samples

TASKS: dict[str, Network] = {
    "softmax_cross_entropy": CLASSIFIER,
    "mean_squared_error": REGRESSOR,
    "sigmoid_cross_entropy": REGRESSOR,
}


@cache
def dataset(task: str) -> Dataset:
    train: Samples = samples(20, task)
    classes = tuple(map(str, range(CLASSES))) if task == "softmax_cross_entropy" else None
    return Dataset(task, train, train, classes, None, "made")


@cache
def trained(task: str, runtime: str, schedule: str) -> Learner:
    learner = Learner(TASKS[task], cost=task, runtime=runtime, schedule=schedule, microbatches=3)
    learner.train(dataset(task), epochs=2, batch_size=7)
    return learner


@cache
def by_hand(task: str, count: int) -> Floats:
    """Return the outputs of the trained layers for ``count`` samples, 256 at a time, with dropout off."""
    learner = trained(task, "inline", "sequential")
    assert learner.checkpoint is not None
    weights, inputs = [state.weights for state in learner.checkpoint.layers], samples(count, task, seed=5).inputs
    chunks = [inputs[start : start + 256] for start in range(0, count, 256)]
    outputs = np.concatenate([outputs_of(learner.spec.network, weights, chunk) for chunk in chunks])
    return cost(task).predictions(outputs)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("runtime", ["inline", "threads", "schedulers", "processes", "ray"])
@pytest.mark.parametrize("schedule", ["sequential", "gpipe", "1f1b"])
@pytest.mark.parametrize("count", [1, 256, 700])
def test_predictions_are_the_outputs_of_the_layers(task: str, runtime: str, schedule: str, count: int) -> None:
    predictions = trained(task, runtime, schedule).predict(samples(count, task, seed=5).inputs)
    assert predictions.tobytes() == by_hand(task, count).tobytes()
    assert predictions.dtype == np.float32


@pytest.mark.parametrize("runtime", ["inline", "threads", "schedulers", "processes", "ray"])
@pytest.mark.parametrize("schedule", ["1f1b", "pipedream", "zb-h1"])
def test_predictions_that_actors_serve_are_those_of_a_few_samples_at_once_and_of_the_layers(
    runtime: str, schedule: str
) -> None:
    """With skips, running statistics, several weight matrices in a layer, and weights that lag."""
    learner = Learner(SKIPPING, schedule=schedule, microbatches=1, runtime=runtime)
    oracle = Learner(SKIPPING, schedule=schedule, microbatches=1, runtime="inline")
    learner.checkpoint = oracle.train(dataset("softmax_cross_entropy"), epochs=2, batch_size=7).checkpoint
    weights = [state.weights for state in learner.checkpoint.layers]
    many = samples(600, "softmax_cross_entropy", seed=5).inputs
    few = many[512:]
    expected = cost("softmax_cross_entropy").predictions(outputs_of(oracle.spec.network, weights, few)).tobytes()
    with learner.serving() as predict:
        assert predict(few).tobytes() == expected
        assert predict(many)[512:].tobytes() == expected
    assert learner.predict(few).tobytes() == expected


def test_a_learner_may_predict_on_another_runtime() -> None:
    learner = trained("softmax_cross_entropy", "threads", "1f1b")
    elsewhere = Learner(CLASSIFIER, runtime="inline", schedule="gpipe", microbatches=1)
    elsewhere.checkpoint = learner.checkpoint
    inputs = samples(9, "softmax_cross_entropy", seed=5).inputs
    assert np.array_equal(elsewhere.predict(inputs), learner.predict(inputs))


def test_predicting_leaves_the_weights_as_they_were() -> None:
    learner = trained("softmax_cross_entropy", "threads", "1f1b")
    assert learner.checkpoint is not None
    before = learner.checkpoint.state_sha256
    inputs = np.ones((3, FEATURES))
    assert np.array_equal(learner.predict(inputs), learner.predict(inputs))
    assert learner.checkpoint.state_sha256 == before
