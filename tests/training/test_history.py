"""The history of a run is a tuple of its epochs, and a table of columns."""

from __future__ import annotations

import doctest

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.events import EpochFinished
from annex_actors.training import history as module
from annex_actors.training.history import History
from tests.trainings import Training

TRAINING = Training(epochs=3, size=20)


def test_a_history_is_a_tuple_of_the_epochs_and_has_columns() -> None:
    result = TRAINING.learner().train(TRAINING.dataset, epochs=3, batch_size=5, metrics=["accuracy", "f1"])
    history = result.history
    assert isinstance(history, tuple)
    assert list(history.columns) == ["epoch", "step", "train_cost", "test_cost", "accuracy", "f1", "seconds"]
    assert history["epoch"] == [1, 2, 3]
    assert history["step"] == [4, 8, 12]
    assert history["f1"] == [epoch.metrics["f1"] for epoch in history]
    assert history["train_cost"] == [epoch.train_cost for epoch in history]
    assert history[-1] is list(history)[-1]
    assert history[:2] == tuple(history)[:2]
    assert sorted(history["seconds"]) == history["seconds"]


def test_validation_has_a_column_in_place_of_the_test_samples() -> None:
    history = TRAINING.learner().train(TRAINING.dataset, epochs=2, batch_size=5, validation=0.2).history
    assert list(history.columns) == ["epoch", "step", "train_cost", "validation_cost", "accuracy", "seconds"]


def test_a_metric_that_was_undefined_is_none() -> None:
    history = History([EpochFinished(0, 1, 0.5), EpochFinished(1, 2, 0.5, metrics={"r2": 0.25})])
    assert history["r2"] == [None, 0.25]


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="expected `column` to be one of epoch, step, train_cost, seconds, got 'cost'"
    ):
        History()["cost"]


def test_a_history_of_any_length_is_shown_in_a_few_lines() -> None:
    for count in (0, 1, 5, 6, 1000):
        shown = repr(History(EpochFinished(each, each + 1, 0.5, 0.25) for each in range(count)))
        assert shown.startswith(f"History of {count:,} epoch")
        assert shown.count("\n") <= 6


def test_the_example_is_true() -> None:
    assert doctest.testmod(module).failed == 0
