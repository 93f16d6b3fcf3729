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

CROSS_ENTROPY = cost("sigmoid_cross_entropy")


@settings(deadline=None, print_blob=True)
@given(
    arrays(np.float64, (3, 2), elements=st.floats(-30, 30)),
    arrays(np.float64, (3, 2), elements=st.floats(0, 1)),
)
def test_the_cost_and_its_gradient_follow_the_formula(outputs: Floats, targets: Floats) -> None:
    value, gradient = CROSS_ENTROPY.evaluate(outputs, targets, 3)
    yes, no = scipy.special.log_expit(outputs), scipy.special.log_expit(-outputs)
    assert value == pytest.approx(-(targets * yes + (1 - targets) * no).mean(), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(gradient, (scipy.special.expit(outputs) - targets) / 6, rtol=1e-9, atol=1e-15)


def test_the_cost_of_even_odds_is_the_logarithm_of_two() -> None:
    assert CROSS_ENTROPY.evaluate(np.zeros((2, 3)), np.ones((2, 3)), 2)[0] == pytest.approx(np.log(2))


def test_the_largest_logits_neither_overflow_nor_warn() -> None:
    outputs = np.array([[1e38, -1e38, -1e38]], np.float32)
    targets = np.array([[1, 0, 1]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient = CROSS_ENTROPY.evaluate(outputs, targets, 1)
    assert value == pytest.approx(1e38 / 3, rel=1e-6)
    np.testing.assert_allclose(gradient, [[0, 0, -1 / 3]], rtol=1e-6)


def test_predictions_are_the_probabilities_of_yes() -> None:
    outputs = np.array([[-1000.0, 0.0, 1000.0]])
    assert CROSS_ENTROPY.predictions(outputs).tolist() == [[0, 0.5, 1]]
