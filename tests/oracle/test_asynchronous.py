"""Asynchronous schedules follow their formula, to the last bit, in any order of events.

The formula is in `plain`, as a recursion over steps. Every run here crosses the end of an epoch, where the pipe drains,
and ends with a short batch.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from annex_actors.runtimes import InlineRuntime
from tests.faults.plans import disturbed, shuffled
from tests.matrix import SLOW_HOSTS, matrix
from tests.oracle.plain import FORWARD, expected
from tests.trainings import ADAM, CLASSIFIER, MOMENTUM, REGRESSOR, Training, fingerprints, host_named, train

SCHEDULES = sorted(FORWARD)
INTERLEAVINGS = 200


def some_training(schedule: str, seed: int) -> Training:
    """Return a small training whose settings depend on the seed."""
    random = Random(seed)
    network, cost = random.choice([(CLASSIFIER, "softmax_cross_entropy"), (REGRESSOR, "mean_squared_error")])
    cut = random.randrange(1, 4)
    return Training(
        network=network,
        cost=cost,
        optimizer=random.choice([ADAM, MOMENTUM]),
        clipping=random.choice([None, None, "global_norm:0.1", "layer_norm:0.1"]),
        schedule=schedule,
        microbatches=random.choice([1, 1, 2, 3, 5]),
        size=random.choice([11, 16, 17]),
        batch_size=random.choice([3, 4]),
        stages=random.choice([None, (range(cut), range(cut, 5)), (range(1), range(1, 3), range(3, 5))]),
    )


CASES = [(schedule, seed) for schedule in SCHEDULES for seed in range(INTERLEAVINGS)]


def name(case: tuple[str, int]) -> str:
    return f"{case[0]}, {case[1]}"


@pytest.mark.parametrize("case", matrix(CASES, sample=120, id=name))
def test_any_order_of_events_follows_the_formula(case: tuple[str, int]) -> None:
    training = some_training(*case)
    assert train(training, InlineRuntime(shuffled(case[1]))).fingerprints == fingerprints(expected(training))


@pytest.mark.parametrize("case", matrix(CASES, sample=120, id=name, seed=1))
def test_any_order_of_events_with_kills_follows_the_formula(case: tuple[str, int]) -> None:
    training, random = some_training(*case), Random(case[1])
    kills = {random.randrange(1, 2500) for _ in range(4)}
    host = InlineRuntime(shuffled(case[1]), kill=kills.__contains__)
    assert disturbed(training, host).fingerprints == fingerprints(expected(training))


ON_HOSTS = [
    *((*case, host) for host in ("threads", "schedulers") for case in CASES),
    *((schedule, seed, host) for host in SLOW_HOSTS for schedule, seed in CASES if seed < 12),
]


@pytest.mark.parametrize(
    "case", matrix(ON_HOSTS, sample=120, id=lambda case: f"{case[0]}, {case[1]}, {case[2]}", seed=2)
)
def test_real_concurrency_follows_the_formula(case: tuple[str, int, str]) -> None:
    training, host = some_training(*case[:2]), case[2]
    assert train(training, host_named(host)).fingerprints == fingerprints(expected(training))


def test_the_end_of_an_epoch_changes_no_version() -> None:
    """With or without an end of an epoch before it, step t meets the same version of the weights."""
    for schedule in SCHEDULES:
        one = Training(schedule=schedule, microbatches=1, size=6, batch_size=6, epochs=8)
        two = replace(one, schedule="1f1b")
        assert train(one).fingerprints == fingerprints(expected(one))
        assert train(one).fingerprints != train(two).fingerprints, "a lag must show"


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_evaluation_uses_the_weights_of_the_checkpoint_of_its_step(schedule: str) -> None:
    training = Training(schedule=schedule, microbatches=1)
    outcome = train(training)
    learner = training.learner()
    learner.checkpoint = outcome.checkpoint
    outputs = learner.predict(training.dataset.test.inputs)
    accuracy = (outputs.argmax(axis=1) == training.dataset.test.targets).mean()
    assert outcome.history[-1].metrics["accuracy"] == pytest.approx(accuracy)
