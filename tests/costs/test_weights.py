"""Sample weights: a batch that is cut anywhere has the same mean, and nothing divides by zero."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from annex_actors.base.types import Array, Floats
from annex_actors.costs import COSTS, cost, scaled

WIDTH = 3
MOST = 9


def targets_of(name: str, samples: int, numbers: np.random.Generator) -> Array:
    """Return targets that suit a cost."""
    if name in ("softmax_cross_entropy", "hinge"):
        return numbers.integers(0, WIDTH, samples)
    chances = numbers.random((samples, WIDTH))
    return chances / chances.sum(axis=1, keepdims=True) if name == "kl_divergence" else chances


def made(name: str, samples: int, seed: int) -> tuple[Floats, Array, Floats]:
    """Return outputs, encoded targets and weights as a user gives them, a third of them 0."""
    numbers = np.random.default_rng(seed)
    encoded = cost(name).encode(targets_of(name, samples, numbers), (WIDTH,))
    weights = numbers.exponential(size=samples) * (numbers.random(samples) > 1 / 3)
    return numbers.standard_normal((samples, WIDTH)), encoded, weights


cases = given(st.sampled_from(list(COSTS)), st.integers(1, MOST), st.integers(0, 2**32 - 1))


@settings(deadline=None, print_blob=True)
@cases
def test_the_cost_of_a_batch_is_the_weighted_mean_of_its_samples(name: str, samples: int, seed: int) -> None:
    outputs, targets, weights = made(name, samples, seed)
    assume(weights.any())
    rows = [slice(row, row + 1) for row in range(samples)]
    alone = [cost(name).evaluate(outputs[row], targets[row], 1) for row in rows]
    value, gradient = cost(name).evaluate(outputs, targets, samples, scaled(weights))
    assert value == pytest.approx(np.average([each for each, _ in alone], weights=weights), rel=1e-12, abs=1e-14)
    expected = np.concatenate([weight * each for weight, (_, each) in zip(weights, alone, strict=True)])
    np.testing.assert_allclose(gradient, expected / weights.sum(), rtol=1e-12, atol=1e-15)


@settings(deadline=None, print_blob=True)
@given(
    st.sampled_from(list(COSTS)),
    st.integers(1, MOST),
    st.integers(0, 2**32 - 1),
    st.sets(st.integers(1, MOST - 1)),
    st.booleans(),
)
def test_a_batch_cut_into_any_microbatches_has_the_same_mean(
    name: str, samples: int, seed: int, cuts: set[int], is_weighted: bool
) -> None:
    outputs, targets, weights = made(name, samples, seed)
    shares = scaled(weights) if is_weighted else np.ones(samples)
    value, gradient = cost(name).evaluate(outputs, targets, samples, shares if is_weighted else None)
    edges = [0, *sorted(cut for cut in cuts if cut < samples), samples]
    parts = [
        cost(name).evaluate(outputs[a:b], targets[a:b], samples, shares[a:b] if is_weighted else None)
        for a, b in pairwise(edges)
    ]
    assert sum(share for share, _ in parts) == pytest.approx(value, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(np.concatenate([each for _, each in parts]), gradient, rtol=1e-12, atol=1e-15)


@settings(deadline=None, print_blob=True)
@cases
def test_weights_of_1_change_no_bit(name: str, samples: int, seed: int) -> None:
    outputs, targets, _ = made(name, samples, seed)
    for dtype in (np.float32, np.float64):
        given: Floats = outputs.astype(dtype)
        value, gradient = cost(name).evaluate(given, targets, samples)
        same, alike = cost(name).evaluate(given, targets, samples, scaled(np.full(samples, 7.0)))
        assert value == same
        assert np.array_equal(gradient, alike)


@pytest.mark.parametrize("name", COSTS)
def test_a_batch_that_counts_for_nothing_costs_nothing_and_is_not_0_over_0(name: str) -> None:
    outputs, targets, _ = made(name, 4, 0)
    value, gradient = cost(name).evaluate(outputs, targets, 4, scaled(np.zeros(4)))
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("weights", [[3e38, 1e-45], [1e-300, 1e-300], [5e-324, 0.0], [3e38, 3e38]])
def test_weights_of_any_size_are_scaled_to_a_mean_of_1(weights: list[float]) -> None:
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(scaled(np.array(weights))).all()
        if weights[0] > 1e-310:
            assert scaled(np.array(weights)).mean() == pytest.approx(1)


def test_weights_are_scaled_by_their_ratios_alone() -> None:
    assert scaled(np.array([1.0, 3.0])).tolist() == scaled(np.array([4.0, 12.0])).tolist() == [0.5, 1.5]
