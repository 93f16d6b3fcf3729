from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annex_actors.base.types import Floats
from annex_actors.costs import cost

CROSS_ENTROPY = cost("softmax_cross_entropy")
LABELS = np.array([0, 2, 1])


@settings(deadline=None, print_blob=True)
@given(arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3)))
def test_the_cost_and_its_gradient_follow_the_formula(outputs: Floats) -> None:
    value, gradient = CROSS_ENTROPY.evaluate(outputs, LABELS, 3)
    expected = -scipy.special.log_softmax(outputs, axis=1)[np.arange(3), LABELS].mean()
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)
    slope = (scipy.special.softmax(outputs, axis=1) - np.eye(4)[LABELS]) / 3
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-15)


def test_the_cost_of_equal_odds_is_the_logarithm_of_the_number_of_classes() -> None:
    assert CROSS_ENTROPY.evaluate(np.zeros((3, 5)), LABELS, 3)[0] == pytest.approx(np.log(5))


def test_a_confident_prediction_costs_nothing_if_right_and_its_margin_if_wrong() -> None:
    outputs = np.array([[1000.0, 0.0]])
    assert CROSS_ENTROPY.evaluate(outputs, np.array([0]), 1)[0] == 0
    assert CROSS_ENTROPY.evaluate(outputs, np.array([1]), 1)[0] == 1000


def test_the_largest_logits_neither_overflow_nor_warn() -> None:
    outputs = np.array([[1e38, 0, -1e38]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient = CROSS_ENTROPY.evaluate(outputs, np.array([0]), 1)
    assert value == 0
    assert gradient.tolist() == [[0, 0, 0]]


def test_predictions_are_the_probabilities_of_the_classes() -> None:
    outputs = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]])
    np.testing.assert_allclose(CROSS_ENTROPY.predictions(outputs), scipy.special.softmax(outputs, axis=1), rtol=1e-12)
