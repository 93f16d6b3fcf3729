"""The introductory tasks of Annex are learned with any seed: truth tables, a curve, flowers and fish."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.data import Dataset, Samples, load
from annex_actors.layers import activation, dense, sequence
from annex_actors.optimizers import Adam, Sgd
from annex_actors.training.halting import loss_less_than
from annex_actors.training.learner import Learner

ROWS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
TABLES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "xor": [0, 1, 1, 0], "same": [1, 0, 0, 1]}
SEEDS = [0, 1, 2]


def table(name: str) -> Dataset:
    samples = Samples(ROWS, np.array(TABLES[name]))
    return Dataset(name, samples, samples, ("false", "true"), ("a", "b"), "a truth table")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_truth_tables_are_learned(name: str, seed: int) -> None:
    network = sequence(dense(8), activation("tanh"), dense(2))
    learner = Learner(network, optimizer=Adam(learning_rate=0.05), runtime="inline", seed=seed)
    result = learner.train(table(name), epochs=400, batch_size=4, halt=loss_less_than(0.1))
    assert result.test_accuracy == 1
    assert len(result.history) < 400
    assert (learner.predict(ROWS).argmax(axis=1) == TABLES[name]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_exclusive_or_is_learned_with_one_output_and_to_the_same_bits_on_every_runtime(seed: int) -> None:
    network = sequence(dense(6), activation("sigmoid"), dense(1))
    learners = [
        Learner(network, cost="sigmoid_cross_entropy", optimizer=Adam(learning_rate=0.2), runtime=name, seed=seed)
        for name in ("inline", "threads", "schedulers")
    ]
    results = [learner.train(load("xor"), epochs=500, batch_size=2, halt=loss_less_than(0.1)) for learner in learners]
    assert results[0].test_accuracy == 1
    assert results[0].checkpoint.state_sha256 == results[1].checkpoint.state_sha256
    assert ((learners[1].predict(ROWS)[:, 0] > 0.5) == TABLES["xor"]).all()


def test_no_linear_network_learns_exclusive_or() -> None:
    learner = Learner(dense(2), optimizer=Adam(learning_rate=0.05), runtime="inline")
    assert (learner.train(load("xor"), epochs=200, batch_size=4).test_accuracy or 0) < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_curve_is_learned(seed: int) -> None:
    inputs = np.linspace(-3, 3, 64, dtype=np.float32).reshape(-1, 1)
    curve = Samples(inputs, np.sin(inputs))
    network = sequence(dense(16), activation("tanh"), dense(1))
    learner = Learner(network, cost="mse", optimizer=Sgd(learning_rate=0.1, momentum=0.9), runtime="inline", seed=seed)
    result = learner.train(
        Dataset("sine", curve, curve, None, ("x",), "made"), epochs=300, batch_size=16, halt=loss_less_than(0.005)
    )
    assert result.history[-1].metrics["r2"] > 0.98


@pytest.mark.parametrize("seed", SEEDS)
def test_flowers_are_classified(seed: int) -> None:
    network = sequence(dense(16), activation("tanh"), dense(3))
    learner = Learner(network, optimizer=Adam(learning_rate=0.02), runtime="inline", seed=seed)
    result = learner.train(load("iris"), epochs=40, batch_size=20)
    assert (result.test_accuracy or 0) >= 0.9


def test_fish_learn_to_lunge_better_than_by_guessing() -> None:
    network = sequence(dense(16), activation("relu"), dense(16), activation("relu"), dense(2))
    learner = Learner(network, optimizer=Adam(learning_rate=0.01))
    result = learner.train(load("fish"), epochs=6, batch_size=64)
    assert (result.test_accuracy or 0) > 0.85
