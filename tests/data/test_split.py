from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.data.split import split_indices

SAMPLES = st.integers(2, 300)
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**32)


@given(samples=SAMPLES, fraction=FRACTIONS, seed=SEEDS)
@settings(deadline=None, print_blob=True)
def test_both_parts_are_ascending_and_together_have_all_samples(samples: int, fraction: float, seed: int) -> None:
    train, test = split_indices(samples, None, test_fraction=fraction, seed=seed)
    assert sorted([*train, *test]) == list(range(samples))
    assert all(np.all(np.diff(half) > 0) for half in (train, test))


@given(samples=SAMPLES, fraction=FRACTIONS, seed=SEEDS)
@settings(deadline=None, print_blob=True)
def test_the_test_set_has_the_size_nearest_to_its_fraction_and_neither_part_is_empty(
    samples: int, fraction: float, seed: int
) -> None:
    train, test = split_indices(samples, None, test_fraction=fraction, seed=seed)
    assert len(test) == min(max(round(samples * fraction), 1), samples - 1)
    assert len(train) > 0


@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=200), fraction=FRACTIONS, seed=SEEDS)
@settings(deadline=None, print_blob=True)
def test_each_class_has_its_share_of_the_test_set_to_within_one_sample(
    labels: list[int], fraction: float, seed: int
) -> None:
    classes = np.array(labels)
    _, test = split_indices(len(labels), classes, test_fraction=fraction, seed=seed)
    for label, size in zip(*np.unique(classes, return_counts=True), strict=True):
        assert abs(np.sum(classes[test] == label) - size * len(test) / len(labels)) <= 1


def test_every_sample_is_equally_likely_to_be_in_the_test_set() -> None:
    counts = np.zeros(20)
    for seed in range(500):
        counts[split_indices(20, np.arange(20) % 2, test_fraction=0.2, seed=seed)[1]] += 1
    assert counts.sum() == 500 * 4
    assert abs(counts - 100).max() < 5 * np.sqrt(500 * 0.2 * 0.8)
