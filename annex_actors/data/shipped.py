"""The data sets that are shipped with scikit-learn and need no download."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import numpy as np

from annex_actors.data.dataset import Dataset
from annex_actors.data.packages import PackageFiles
from annex_actors.data.samples import Samples

SPLIT_SEED = 0
"""The seed of their split: fixed, whatever the run's seed, so that accuracies of different runs are comparable."""


_DIGITS = PackageFiles(
    package="scikit-learn",
    version="1.6.0",
    folder="sklearn/datasets/data",
    names=("digits.csv.gz",),
    sha256="09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
)


def digits() -> Dataset:
    """Return 1,797 handwritten digits of 8x8 grey pixels, flattened to shape ``(64,)`` and scaled to [0, 1].

    A stratified fifth (359 digits) is the test set, split with `SPLIT_SEED`.

    Source:
        Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI: the test part, shipped with
        scikit-learn.
    """
    # The file, not the function that reads it: scikit-learn takes a second to import, and a training by default, which
    # is one on digits, needs nothing else of it.
    (packed,) = _DIGITS.read()
    rows = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",")
    return Dataset.from_arrays(
        rows[:, :-1] / 16,
        rows[:, -1].astype(np.int64),
        seed=SPLIT_SEED,
        name="digits",
        feature_names=[f"pixel_{row}_{column}" for row in range(8) for column in range(8)],
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

    return _standardised("iris", load_iris(), test_fraction=1 / 3)


def wine() -> Dataset:
    """Return 178 wines from three growers with thirteen measurements, standardised.

    A stratified third (59 wines) is the test set, split with `SPLIT_SEED`. Mean and deviation are those of the training
    set.

    Source:
        Aeberhard, Forina (1992), Wine, UCI; shipped with scikit-learn.
    """
    from sklearn.datasets import load_wine

    return _standardised("wine", load_wine(), test_fraction=1 / 3)


def breast_cancer() -> Dataset:
    """Return 569 breast tumours, malignant or benign, with thirty measurements of their cells, standardised.

    A stratified fifth (114 tumours) is the test set, split with `SPLIT_SEED`. Mean and deviation are those of the
    training set.

    Source:
        Wolberg, Mangasarian, Street, Street (1993), Breast Cancer Wisconsin (Diagnostic), UCI; shipped with
        scikit-learn.
    """
    from sklearn.datasets import load_breast_cancer

    return _standardised("breast-cancer", load_breast_cancer(), test_fraction=0.2)


def diabetes() -> Dataset:
    """Return how the diabetes of 442 patients progressed in a year, by ten measurements, all standardised.

    A fifth (88 patients) is the test set, split with `SPLIT_SEED`. Mean and deviation, of the target too, are those of
    the training set: a mean squared error of 1 is that of always predicting the mean.

    Source:
        Efron, Hastie, Johnstone, Tibshirani (2004), Least Angle Regression; shipped with scikit-learn.
    """
    from sklearn.datasets import load_diabetes

    made = _standardised("diabetes", load_diabetes(scaled=False), test_fraction=0.2)
    mean, deviation = made.train.targets.mean(), made.train.targets.std()
    train, test = (Samples(part.inputs, (part.targets - mean) / deviation) for part in (made.train, made.test))
    return replace(made, train=train, test=test, source=f"{made.source}, the target too")


def standardised(dataset: Dataset) -> Dataset:
    """Return the data set with inputs of mean 0 and deviation 1 in every column of its training set.

    A column without any deviation becomes 0.
    """
    inputs = dataset.train.inputs
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation = np.where(deviation > 0, deviation, np.ones_like(deviation))
    train, test = (Samples((part.inputs - mean) / deviation, part.targets) for part in (dataset.train, dataset.test))
    return replace(dataset, train=train, test=test)


def _standardised(name: str, bunch: Any, *, test_fraction: float) -> Dataset:
    """Return what one of scikit-learn's functions loaded, standardised."""
    raw = Dataset.from_arrays(bunch.data, bunch.target, test_fraction=test_fraction, seed=SPLIT_SEED)
    loader = f"load_{name.replace('-', '_')}"
    source = f"scikit-learn {loader}, standardised by the training set, split seed {SPLIT_SEED}"
    classes = None if raw.classes is None else tuple(str(each) for each in bunch.target_names)
    return standardised(
        replace(raw, name=name, classes=classes, feature_names=tuple(bunch.feature_names), source=source)
    )
