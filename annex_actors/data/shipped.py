"""The two data sets that are shipped with scikit-learn and need no download: digits and iris."""

from __future__ import annotations

import numpy as np

from annex_actors.data.dataset import Dataset, Samples

SPLIT_SEED = 0
"""The seed of their split: fixed, whatever the run's seed, so that accuracies of different runs are comparable."""


def digits() -> Dataset:
    """Return 1,797 handwritten digits of 8x8 grey pixels, flattened to shape ``(64,)`` and scaled to [0, 1].

    A stratified fifth (359 digits) is the test set, split with `SPLIT_SEED`.

    Source:
        Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI: the test part, shipped with
        scikit-learn.
    """
    # Imported here: scikit-learn takes a second to import, and most commands do not need it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Dataset.from_arrays(
        bunch.data / 16,
        bunch.target,
        seed=SPLIT_SEED,
        name="digits",
        feature_names=bunch.feature_names,
        source=f"scikit-learn load_digits, pixels / 16, split seed {SPLIT_SEED}",
    )


def iris() -> Dataset:
    """Return 150 iris flowers of three species with four measurements, standardised.

    A stratified third (50 flowers) is the test set, split with `SPLIT_SEED`: in a fifth, a single flower would change
    the accuracy by 3 %. Mean and deviation are those of the training set.

    Source:
        Fisher (1936), The use of multiple measurements in taxonomic problems; shipped with scikit-learn.
    """
    from sklearn.datasets import load_iris

    bunch = load_iris()
    raw = Dataset.from_arrays(bunch.data, bunch.target, test_fraction=1 / 3, seed=SPLIT_SEED)
    mean, deviation = raw.train.inputs.mean(axis=0), raw.train.inputs.std(axis=0)
    train, test = (Samples((part.inputs - mean) / deviation, part.targets) for part in (raw.train, raw.test))
    source = f"scikit-learn load_iris, standardised by the training set, split seed {SPLIT_SEED}"
    classes = tuple(str(name) for name in np.asarray(bunch.target_names))
    return Dataset("iris", train, test, classes, tuple(bunch.feature_names), source)
