from __future__ import annotations

import numpy as np

from annex_actors.metrics import evaluate


def test_classification_is_evaluated_by_accuracy() -> None:
    assert evaluate(np.eye(2)[[0, 1, 1, 1]], np.array([0, 1, 0, 1]), ("a", "b")) == {"accuracy": 0.75}


def test_regression_is_evaluated_by_r2() -> None:
    assert evaluate(np.array([1.0, 2.0]), np.array([1.0, 2.0]), None) == {"r2": 1.0}


def test_an_undefined_metric_is_left_out() -> None:
    assert evaluate(np.ones(1), np.ones(1), None) == {}
