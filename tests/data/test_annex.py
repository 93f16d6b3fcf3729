"""Annex's tasks: each is learned with the suggested settings from any of ten seeds."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors import Learner, load, parse_layers
from annex_actors.data import Entry, catalog
from annex_actors.optimizers import optimizer

TASKS = [entry for entry in catalog() if entry.name.startswith("annex-")]
SEEDS = 10
FLOAT32 = np.dtype(np.float32)


def trained(entry: Entry, seed: int) -> Learner:
    """Return the learner that the suggestion makes, trained."""
    suggested = entry.suggested
    learner = Learner(
        parse_layers(suggested.layers),
        cost=suggested.cost,
        optimizer=optimizer(suggested.optimizer, learning_rate=suggested.learning_rate),
        runtime="inline",
        stages=1,
        microbatches=1,
        seed=seed,
    )
    learner.train(load(entry.name), epochs=suggested.epochs, batch_size=suggested.batch_size)
    return learner


@pytest.mark.parametrize("entry", TASKS, ids=lambda entry: entry.name)
def test_a_task_of_annex_is_learned_from_each_of_ten_seeds(entry: Entry) -> None:
    data = load(entry.name)
    results = [trained(entry, seed).evaluate(data) for seed in range(SEEDS)]
    least = 0.95 if entry.name == "annex-iris" else 1.0
    assert min(result["accuracy"] for result in results) >= least
    assert entry.name == "annex-iris" or max(result["cost"] for result in results) < 0.005


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("annex-xor", [2, 8, 1]),
        ("annex-xor-two-outputs", [2, 11, 2]),
        ("annex-xor-deep", [2, 8, 8, 8, 1]),
        ("annex-and", [3, 11, 1]),
        ("annex-people", [2, 2, 1]),
        ("annex-left-true", [2, 3, 1]),
        ("annex-iris", [4, 10, 3]),
        ("annex-perceptron", [3, 1]),
    ],
)
def test_the_networks_have_annex_s_sizes(name: str, sizes: list[int]) -> None:
    (entry,) = (each for each in TASKS if each.name == name)
    drawn = parse_layers(entry.suggested.layers).initial_parameters(load(name).input_shape, seed=0, dtype=FLOAT32)
    matrices = [each["weight"].shape for each in drawn if each]
    assert [matrices[0][0], *(columns for _, columns in matrices)] == sizes


def test_and_leaves_out_the_row_that_annex_leaves_out() -> None:
    rows = {tuple(row) for row in load("annex-and").train.inputs.tolist()}
    assert len(rows) == 7
    assert (1, 1, 0) not in rows
