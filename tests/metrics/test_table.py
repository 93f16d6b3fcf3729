"""Every metric equals scikit-learn's on the same predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array
from annex_actors.metrics import METRICS, Mode, chosen, evaluate, metric, register_metric
from tests import tables

Case = tuple[Array, Array, Array]
"""Targets, scores that sum to 1, and the predicted labels."""


def case(classes: int, samples: int, seed: int) -> Case:
    numbers = np.random.default_rng(seed)
    scores = numbers.dirichlet(np.ones(classes), samples)
    targets = np.concatenate([np.arange(classes), numbers.integers(classes, size=samples)])[:samples]
    return targets, scores, np.argmax(scores, axis=1)


LABELS: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "precision": lambda t, p: sk.precision_score(t, p, average="macro", zero_division=0.0),
    "recall": lambda t, p: sk.recall_score(t, p, average="macro", zero_division=0.0),
    "f1": lambda t, p: sk.f1_score(t, p, average="macro", zero_division=0.0),
}

NUMBERS: dict[str, Callable[[Array, Array], float]] = {
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
}


def one(name: str, predictions: Array, targets: Array, classes: int | None) -> Any:
    names = None if classes is None else tuple(map(str, range(classes)))
    return evaluate(predictions, targets, names, chosen([name], names, numbers_only=False)).get(name)


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_metric_of_labels_is_scikit_learns(name: str, classes: int) -> None:
    for seed in range(20):
        targets, scores, labels = case(classes, 40, seed)
        assert one(name, scores, targets, classes) == pytest.approx(LABELS[name](targets, labels), abs=1e-12)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 3)), elements=st.floats(-9, 9, width=16)),
    st.integers(0, 99),
)
@settings(derandomize=True, deadline=None)
def test_a_metric_of_numbers_is_scikit_learns(predictions: Array, seed: int) -> None:
    targets = np.random.default_rng(seed).standard_normal(predictions.shape)
    for name, expected in NUMBERS.items():
        assert one(name, predictions, targets, None) == pytest.approx(expected(targets, predictions), rel=1e-12)


def test_accuracy_has_the_bits_of_scikit_learn() -> None:
    for samples in range(2, 400, 7):
        targets, scores, labels = case(min(samples, 5), samples, samples)
        assert one("accuracy", scores, targets, min(samples, 5)) == sk.accuracy_score(targets, labels)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_a_metric_of_scores_is_scikit_learns(classes: int) -> None:
    for seed in range(10):
        targets, scores, labels = case(classes, 40, seed)
        auc = sk.roc_auc_score(targets, scores[:, 1] if classes == 2 else scores, multi_class="ovr")
        assert one("roc_auc", scores, targets, classes) == pytest.approx(auc, rel=1e-12)
        matrix = sk.confusion_matrix(targets, labels, labels=np.arange(classes))
        assert one("confusion_matrix", scores, targets, classes) == matrix.tolist()
        if classes > 2:
            top = sk.top_k_accuracy_score(targets, scores, k=2)
            assert one("top_k_accuracy:2", scores, targets, classes) == pytest.approx(top)


def test_a_single_probability_is_the_second_class() -> None:
    targets, scores, labels = case(2, 30, 0)
    for name in ("accuracy", "f1", "roc_auc", "confusion_matrix", "top_k_accuracy:1"):
        assert np.allclose(one(name, scores[:, 1:], targets, 2), one(name, scores, targets, 2))
    assert one("top_k_accuracy:1", scores, targets, 2) == (targets == labels).mean()


def test_classes_without_samples_or_predictions_warn_of_nothing() -> None:
    targets, scores = np.array([0, 0, 1]), np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1]])
    assert one("balanced_accuracy", scores, targets, 3) == 0.25
    assert one("precision", scores, targets, 3) == pytest.approx(1 / 6)
    assert one("roc_auc", scores, targets, 3) is None
    assert one("top_k_accuracy", scores, targets, 3) == 1.0


def test_your_own_metric_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    assert register_metric("kappa", sk.cohen_kappa_score) is sk.cohen_kappa_score
    targets, scores, labels = case(3, 30, 1)
    assert one("kappa", scores, targets, 3) == pytest.approx(sk.cohen_kappa_score(targets, labels))
    register_metric("worst", lambda t, p: np.abs(t - p).max(), takes="numbers", mode="min")
    assert metric("worst").mode is Mode.MIN
    assert one("worst", np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]]), None) == 2.0


def test_every_metric_says_what_it_is() -> None:
    assert all(made.__doc__ for made in METRICS.values())


@pytest.mark.parametrize(
    ("names", "classes", "message"),
    [
        (["recal"], ("a", "b"), "expected `metric` to be one of accuracy, .*, got 'recal'; did you mean 'recall'"),
        (["mae"], ("a", "b"), "expected `metrics` of classes, such as accuracy, .*, got 'mae'"),
        (["f1"], None, "expected `metrics` of regression, such as mae, rmse, r2, got 'f1'"),
        (["confusion_matrix"], ("a", "b"), r"expected `metrics` that are numbers.*evaluate\(data, metrics="),
        (["top_k_accuracy:0"], ("a", "b"), "expected `k` to be an integer >= 1, got 0"),
        (["f1:3"], ("a", "b"), "expected `metric` as f1, got 'f1:3'"),
        ("f1", ("a", "b"), r"expected `metrics` to be a list of names such as f1, got 'f1'; write \['f1'\]"),
    ],
)
def test_what_does_not_fit_is_refused(names: Any, classes: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chosen(names, classes)
