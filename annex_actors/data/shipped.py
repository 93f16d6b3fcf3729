"""The two real data sets that scikit-learn carries in its wheel: no network, no download."""

from __future__ import annotations

import numpy as np

from annex_actors.data.dataset import Dataset, Samples

SPLIT_SEED = 0
"""The seed of their split: fixed, whatever the run's seed, so that accuracies of different runs compare."""


def digits() -> Dataset:
    """Return 1,797 handwritten digits of 8x8 grey pixels, flattened to 64 and scaled to [0, 1].

    A fifth (359 digits) is the test set, stratified, split with `SPLIT_SEED`.

    Source:
        Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI: the
        test part, shipped with scikit-learn.
    """
    # Imported where it is used: scikit-learn takes a second to import, and most commands need none of it.
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

    A third (50 flowers) is the test set, stratified, split with `SPLIT_SEED`: of a fifth, a single flower would be
    three hundredths of the accuracy. Mean and deviation are those of the training set.

    Source:
        Fisher (1936), The use of multiple measurements in taxonomic problems; shipped with scikit-learn.
    """
    from sklearn.datasets import load_iris

    bunch = load_iris()
    raw = Dataset.from_arrays(bunch.data, bunch.target, test_fraction=1 / 3, seed=SPLIT_SEED)
    mean, deviation = raw.train.inputs.mean(axis=0), raw.train.inputs.std(axis=0)
    train, test = (Samples((half.inputs - mean) / deviation, half.targets) for half in (raw.train, raw.test))
    source = f"scikit-learn load_iris, standardised by the training set, split seed {SPLIT_SEED}"
    classes = tuple(str(name) for name in np.asarray(bunch.target_names))
    return Dataset("iris", train, test, classes, tuple(bunch.feature_names), source)
