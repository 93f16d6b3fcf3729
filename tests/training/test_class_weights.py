"""Class weights: as weights of samples, by name, by text or balanced; what does not fit is refused before any actor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Floats
from annex_actors.costs import SoftmaxCrossEntropy
from annex_actors.data import Dataset, Samples
from annex_actors.layers import dense, sequence
from annex_actors.training.class_weights import checked, text_of, training_weights
from annex_actors.training.learner import Learner
from annex_actors.training.result import Result
from tests.trainings import CLASSES, CLASSIFIER, REGRESSOR, Training, fingerprints

TRAINING = Training()
DATA = TRAINING.dataset


def trained(data: Dataset = DATA, **settings: Any) -> Result:
    return Learner(CLASSIFIER, **{"runtime": "inline", "seed": 3, **settings}).train(data, epochs=2, batch_size=5)


def weighted(weights: Floats | None, data: Dataset = DATA) -> Dataset:
    return replace(data, train=Samples(data.train.inputs, data.train.targets, weights))


@given(st.dictionaries(st.text("ab =1-", min_size=1).map(str.strip).filter(bool), st.floats(0, 1e30), min_size=1))
def test_text_is_read_back(weights: dict[str, float]) -> None:
    assert checked(text_of(checked(weights))) == checked(weights)


@pytest.mark.parametrize("given", [{0: 2, 1: 3}, {"1": 3.0, "0": 2.0}, "0=2,1=3", " 1 = 3, 0 = 2e0"])
def test_a_mapping_and_its_text_are_one_and_a_number_stands_for_its_text(given: Any) -> None:
    assert checked(given) == {"0": 2.0, "1": 3.0}
    assert text_of(checked(given)) == "0=2.0,1=3.0"


def test_without_class_weights_samples_count_what_they_did() -> None:
    assert training_weights(DATA, None) is None
    own = np.arange(13.0)
    found = training_weights(weighted(own), None)
    assert found is not None
    assert found.tolist() == own.tolist()


@pytest.mark.parametrize("own", [None, np.arange(13.0)])
def test_a_class_weight_multiplies_the_weights_of_its_samples(own: Floats | None) -> None:
    found = training_weights(weighted(own), {"0": 2.0, "2": 0.5})
    expected = np.array([2.0, 1.0, 0.5])[DATA.train.targets] * (1 if own is None else own)
    assert found is not None
    assert found.tolist() == expected.tolist()


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    found = training_weights(DATA, "balanced")
    np.testing.assert_allclose(found, compute_sample_weight("balanced", DATA.train.targets))  # type: ignore[arg-type]


def test_balanced_classes_count_the_same_with_weights_of_their_own() -> None:
    found = training_weights(weighted(np.arange(13.0)), "balanced")
    totals = np.bincount(DATA.train.targets, weights=found)
    np.testing.assert_allclose(totals, totals[0])


def test_a_class_without_samples_is_no_class_to_balance() -> None:
    rows = DATA.train.targets != 1
    some = replace(DATA, train=Samples(DATA.train.inputs[rows], DATA.train.targets[rows]))
    found = training_weights(some, "balanced")
    np.testing.assert_allclose(found, compute_sample_weight("balanced", some.train.targets))  # type: ignore[arg-type]


@pytest.mark.parametrize("class_weight", ["balanced", "0=2,2=0.1", {2: 0.0}])
def test_a_training_has_the_bits_of_one_whose_samples_have_these_weights(class_weight: Any) -> None:
    result = trained(class_weight=class_weight)
    same = trained(weighted(training_weights(DATA, checked(class_weight))))
    assert fingerprints(result.checkpoint) == fingerprints(same.checkpoint) != fingerprints(trained().checkpoint)
    assert result.history == same.history


def test_class_weights_change_no_test_cost() -> None:
    learner = Learner(CLASSIFIER, runtime="inline", class_weight={0: 9})
    result = learner.train(DATA, epochs=1)
    assert result.test_cost == learner.evaluate(DATA)["cost"] == learner.evaluate(DATA.test)["cost"]
    plain = Learner(CLASSIFIER, runtime="inline")
    plain.checkpoint, plain.classes = learner.checkpoint, learner.classes
    assert plain.evaluate(DATA)["cost"] == result.test_cost


def test_the_weights_of_test_samples_do() -> None:
    judged = Samples(DATA.test.inputs, DATA.test.targets, np.eye(len(DATA.test))[2])
    learner = Learner(CLASSIFIER, runtime="inline")
    result = learner.train(replace(DATA, test=judged), epochs=1)
    alone = Samples(DATA.test.inputs[2:3], DATA.test.targets[2:3])
    assert (
        result.test_cost == learner.evaluate(judged)["cost"] == pytest.approx(learner.evaluate(alone)["cost"], rel=1e-6)
    )


def test_a_sample_of_weight_0_is_as_if_it_were_not_there() -> None:
    weights = np.ones(13)
    weights[[1, 4, 5]] = 0
    few = replace(DATA, train=Samples(DATA.train.inputs[weights > 0], DATA.train.targets[weights > 0]))
    whole = [
        Learner(sequence(dense(5)), cost="mae", runtime="inline", microbatches=2)
        .train(
            replace(data, train=_numbers(data.train), test=_numbers(data.test), classes=None), epochs=1, batch_size=13
        )
        .checkpoint
        for data in (weighted(weights), few)
    ]
    assert whole[0].costs == pytest.approx(whole[1].costs, rel=1e-6)
    for name, array in whole[0].weights.items():
        np.testing.assert_allclose(array, whole[1].weights[name], rtol=1e-4)


def _numbers(samples: Samples) -> Samples:
    return Samples(samples.inputs, samples.inputs[:, [0, 1, 2, 3, 0]] * 2, samples.sample_weight)


def test_a_batch_that_counts_for_nothing_has_a_cost_of_0_and_training_goes_on() -> None:
    batch = TRAINING.prepared.trainer.batches.indices(1)
    weights = np.ones(13)
    weights[batch] = 0
    result = trained(weighted(weights))
    assert result.checkpoint.costs[1] == 0
    assert all(np.isfinite(array).all() for array in result.checkpoint.weights.values())
    counted = [result.checkpoint.costs[step] for step in (0, 2)]
    assert result.history[0].train_cost == pytest.approx(np.average(counted, weights=[5, 3]))


@dataclass(frozen=True)
class Older(SoftmaxCrossEntropy):
    """A cost with the arguments that costs had before there were weights."""

    def evaluate(self, outputs: Floats, targets: Array, samples: int) -> tuple[float, Floats]:  # type: ignore[override]
        return super().evaluate(outputs, targets, samples)


def test_a_cost_without_weights_trains_without_them() -> None:
    assert fingerprints(trained(cost=Older()).checkpoint) == fingerprints(trained().checkpoint)


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (DATA, {"class_weight": "balanced"}),
        (weighted(np.ones(13)), {}),
        (replace(DATA, test=Samples(DATA.test.inputs, DATA.test.targets, np.ones(len(DATA.test)))), {}),
    ],
)
def test_a_cost_without_weights_is_refused_where_there_are_any(data: Dataset, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"expected a `cost` that takes weights, .*, got softmax_cross_entropy, w"):
        trained(data, cost=Older(), **settings)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"3": 1}, "expected `class_weight` to be of classes among 0, 1, 2, got '3'"),
        ("zero=1", "expected `class_weight` to be of classes among 0, 1, 2, got 'zero'"),
        (dict.fromkeys(range(CLASSES), 0), "expected `class_weight` to leave a sample that counts, got {'0': 0"),
    ],
)
def test_class_weights_that_do_not_fit_the_data_are_refused(class_weight: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        trained(class_weight=class_weight)
    assert str(caught.value).startswith(message)


def test_there_are_no_class_weights_for_regression() -> None:
    numbers = Training(network=REGRESSOR, cost="mse").dataset
    with pytest.raises(
        ConfigError, match="expected no `class_weight` for regression, got 'balanced'; give each sample"
    ):
        Learner(REGRESSOR, cost="mse", runtime="inline", class_weight="balanced").train(numbers)
