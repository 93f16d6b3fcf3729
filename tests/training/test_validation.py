"""Validation samples are set apart by the seed, and evaluated after every epoch in place of the test samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import Dataset, Samples
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import Result
from tests.trainings import Training, fingerprints, host_named, samples

TRAINING = Training(size=20, epochs=3)
HOSTS = ("inline", "threads", "schedulers", "processes")


def trained(host: str = "inline", dataset: Dataset = TRAINING.dataset, **settings: object) -> Result:
    learner = TRAINING.learner(host_named(host))
    arguments = {"epochs": 3, "batch_size": 5, **settings}
    return learner.train(dataset, **arguments)  # type: ignore[arg-type]


def rows(part: Samples | None) -> set[bytes]:
    assert part is not None
    return {row.tobytes() for row in part.inputs}


def test_a_split_is_a_function_of_the_seed() -> None:
    dataset = TRAINING.dataset
    once, again, other = (dataset.with_validation(0.25, seed=seed) for seed in (1, 1, 2))
    assert rows(once.validation) == rows(again.validation) != rows(other.validation)
    for split in (once, other):
        assert rows(split.train) | rows(split.validation) == rows(dataset.train)
        assert not rows(split.train) & rows(split.validation)
        assert len(split.train) == 15
        assert split.test is dataset.test


def test_a_split_is_stratified_and_not_the_one_of_the_test_samples() -> None:
    labels = np.repeat([0, 1], [80, 20])
    inputs = np.arange(100.0)[:, None]
    dataset = Dataset.from_arrays(inputs, labels, test_fraction=0.2, seed=3)
    split = dataset.with_validation(0.25, seed=3)
    assert split.validation is not None
    assert np.bincount(split.validation.targets).tolist() == [16, 4]


def test_where_all_samples_are_tested_on_the_validation_samples_are_not() -> None:
    dataset = TRAINING.dataset
    split = replace(dataset, test=dataset.train).with_validation(0.25)
    assert split.test is split.train


@pytest.mark.parametrize("host", HOSTS)
def test_the_validation_samples_are_evaluated_after_every_epoch_and_the_test_samples_at_the_end(host: str) -> None:
    result = trained(host, validation=0.25, metrics=["accuracy", "f1"])
    split = TRAINING.dataset.with_validation(0.25, seed=TRAINING.seed)
    assert split.validation is not None
    expected = trained(dataset=replace(split, validation=None, test=split.validation), metrics=["accuracy", "f1"])
    tested = trained(dataset=replace(split, validation=None), metrics=["accuracy", "f1"])
    assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)
    assert [epoch.validation_cost for epoch in result.history] == [epoch.test_cost for epoch in expected.history]
    assert [epoch.metrics for epoch in result.history] == [epoch.metrics for epoch in expected.history]
    assert {epoch.test_cost for epoch in result.history} == {None}
    assert result.validation_cost == expected.test_cost
    assert (result.test_cost, result.test_metrics) == (tested.test_cost, tested.test_metrics)
    assert result.test_accuracy == tested.test_accuracy


def test_samples_of_ones_own_are_validated_on() -> None:
    own = samples(6, "softmax_cross_entropy", seed=4)
    result, expected = trained(validation=own), trained(dataset=replace(TRAINING.dataset, test=own))
    assert fingerprints(result.checkpoint) == fingerprints(trained().checkpoint)
    assert [epoch.validation_cost for epoch in result.history] == [epoch.test_cost for epoch in expected.history]


def test_early_stopping_looks_at_them_by_default_and_the_test_samples_meet_the_best_weights() -> None:
    stopping = EarlyStopping(patience=2)
    result = trained(validation=0.3, epochs=60, halt=stopping)
    best = stopping.best(result.history)
    assert best is not None
    assert result.epoch == result.history[best]
    assert len(result.history) == best + 3 < 60
    expected = trained(validation=0.3, epochs=best + 1)
    assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)
    assert result.test == expected.test


def test_the_history_of_a_resumed_run_is_the_same(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", every=1, keep="all")
    whole = trained(validation=0.25, metrics=["f1"], checkpoints=checkpoints)
    prepared = TRAINING.dataset.with_validation(0.25, seed=TRAINING.seed)
    for step in checkpoints.steps():
        spec = TRAINING.learner().spec
        training = PreparedTraining.of(spec, prepared, epochs=3, batch_size=5, metrics=["f1"])
        resumed = trained(validation=0.25, metrics=["f1"], resume=checkpoints.at(step, training))
        assert resumed.history == whole.history
        assert fingerprints(resumed.checkpoint) == fingerprints(whole.checkpoint)


@pytest.mark.parametrize("name", ["validation", "metrics"])
def test_a_run_goes_on_with_the_same_evaluation_only(name: str) -> None:
    cut = trained(epochs=2, validation=0.25, metrics=["f1"]).checkpoint
    changed: dict[str, Any] = {"validation": 0.25, "metrics": ["f1"], name: None}
    with pytest.raises(ConfigError, match="that the training began with"):
        trained(resume=cut, **changed)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match="expected `validation` to be a number > 0 and < 1"):
        trained(validation=fraction)


def test_samples_are_split_once() -> None:
    with pytest.raises(DataError, match="expected data without validation samples, got 5"):
        trained(dataset=TRAINING.dataset.with_validation(0.25), validation=0.25)


def test_validation_samples_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match="expected training and validation inputs of one shape"):
        trained(validation=Samples(np.ones((2, 3)), np.array([0, 1])))


def test_a_confusion_matrix_is_a_question_to_a_trained_learner() -> None:
    learner = TRAINING.learner()
    learner.train(TRAINING.dataset, epochs=2, batch_size=5)
    found = learner.evaluate(TRAINING.dataset, metrics=["confusion_matrix", "accuracy"])
    matrix = np.array(found["confusion_matrix"])
    assert matrix.sum() == len(TRAINING.dataset.test)
    assert matrix.trace() / matrix.sum() == found["accuracy"]
