"""Which samples to train on and which to test on: a pure function of the seed and the labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.random_keys import RandomKey, Tag


def split_indices(
    samples: int, labels: NDArray[np.int64] | None, *, test_fraction: float, seed: int, number: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the training and of the test samples, each in ascending order.

    The samples are shuffled and then sorted by class; every ``1/test_fraction``-th of them is a test sample. So each
    class has its share of the test set, to within one sample.

    Args:
        samples: how many there are.
        labels: the class of each, shape ``(samples,)``, or ``None`` for regression.
        test_fraction: in [0, 1); with 0 both sets are the whole.
        seed: >= 0.
        number: of the split: with the same seed, splits of other numbers are independent.

    Raises:
        ConfigError: ``test_fraction`` or ``seed`` out of range.
        DataError: there is only one sample, which cannot be split.
    """
    _check(samples, test_fraction, seed)
    if test_fraction == 0:
        return np.arange(samples), np.arange(samples)
    shuffled = RandomKey(seed, step=number).generator(Tag.SPLIT).permutation(samples)
    if labels is not None:
        shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
    count = min(max(round(samples * test_fraction), 1), samples - 1)
    test = np.zeros(samples, dtype=np.bool_)
    test[shuffled[(2 * np.arange(count) + 1) * samples // (2 * count)]] = True
    return np.flatnonzero(~test), np.flatnonzero(test)


def _check(samples: int, test_fraction: float, seed: int) -> None:
    checks.real_number("test_fraction", test_fraction, at_least=0, below=1)
    checks.whole_number("seed", seed, at_least=0)
    if samples == 1 and test_fraction > 0:
        raise DataError("expected at least 2 samples to split, got 1; test_fraction=0 tests on the training samples")
