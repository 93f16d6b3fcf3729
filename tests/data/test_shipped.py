from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from annex_actors.data import Dataset, load
from annex_actors.data.shipped import standardised


@pytest.mark.parametrize(
    ("name", "train", "test", "input_shape", "classes"),
    [
        ("digits", 1438, 359, (64,), 10),
        ("iris", 100, 50, (4,), 3),
        ("wine", 119, 59, (13,), 3),
        ("breast-cancer", 455, 114, (30,), 2),
    ],
)
def test_sizes_shapes_and_classes(name: str, train: int, test: int, input_shape: tuple[int, ...], classes: int) -> None:
    dataset = load(name)
    assert (len(dataset.train), len(dataset.test), dataset.input_shape) == (train, test, input_shape)
    assert dataset.classes is not None
    assert dataset.feature_names is not None
    assert (len(dataset.classes), len(dataset.feature_names)) == (classes, *input_shape)


def test_digits_are_those_of_scikit_learn() -> None:
    digits, expected = load("digits"), load_digits()
    rows = [np.column_stack([part.inputs * 16, part.targets]) for part in (digits.train, digits.test)]
    found = np.concatenate(rows)
    wanted = np.column_stack([expected.data, expected.target])
    assert sorted(map(tuple, found)) == sorted(map(tuple, wanted))
    assert digits.feature_names == tuple(expected.feature_names)


def test_pixels_of_digits_range_from_zero_to_one() -> None:
    inputs = load("digits").train.inputs
    assert (inputs.min(), inputs.max()) == (0, 1)


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer", "diabetes"])
def test_measurements_are_standardised_by_the_training_set(name: str) -> None:
    dataset = load(name)
    assert np.allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(dataset.train.inputs.std(axis=0), 1, atol=1e-4)
    assert not np.allclose(dataset.test.inputs.mean(axis=0), 0, atol=1e-5)


def test_iris_has_its_species_in_equal_parts_in_training_and_test() -> None:
    dataset = load("iris")
    assert dataset.classes == ("setosa", "versicolor", "virginica")
    for half in (dataset.train, dataset.test):
        counts = np.bincount(half.targets)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("name", ["digits", "iris"])
def test_the_split_does_not_depend_on_the_seed(name: str) -> None:
    first, second = load(name, seed=1), load(name, seed=2)
    assert np.array_equal(first.test.inputs, second.test.inputs)


def test_no_digit_is_in_both_parts_of_the_split() -> None:
    def rows(dataset: Dataset) -> tuple[set[bytes], set[bytes]]:
        halves = [{row.tobytes() for row in half.inputs} for half in (dataset.train, dataset.test)]
        return halves[0], halves[1]

    train, test = rows(load("digits"))
    assert not train & test


def test_the_progress_of_diabetes_is_standardised_too() -> None:
    dataset = load("diabetes")
    assert (len(dataset.train), len(dataset.test), dataset.classes) == (354, 88, None)
    assert dataset.feature_names is not None
    assert (dataset.feature_names[:2], dataset.input_shape) == (("age", "sex"), (10,))
    assert np.isclose(dataset.train.targets.mean(), 0, atol=1e-5)
    assert np.isclose(dataset.train.targets.std(), 1, atol=1e-5)


def test_a_column_without_deviation_becomes_zero() -> None:
    raw = Dataset.from_arrays([[5.0, 1.0], [5.0, 2.0], [5.0, 6.0], [5.0, 7.0]], ["a", "b", "a", "b"])
    made = standardised(raw)
    assert made.train.inputs[:, 0].tolist() == [0] * len(made.train)
    assert made.train.inputs.dtype == np.float32
