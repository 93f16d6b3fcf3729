from __future__ import annotations

import numpy as np
import pytest

from annex_actors.data import Dataset, load


@pytest.mark.parametrize(
    ("name", "train", "test", "input_shape", "classes"),
    [("digits", 1438, 359, (64,), 10), ("iris", 100, 50, (4,), 3)],
)
def test_sizes_shapes_and_classes(name: str, train: int, test: int, input_shape: tuple[int, ...], classes: int) -> None:
    dataset = load(name)
    assert (len(dataset.train), len(dataset.test), dataset.input_shape) == (train, test, input_shape)
    assert dataset.classes is not None
    assert dataset.feature_names is not None
    assert (len(dataset.classes), len(dataset.feature_names)) == (classes, *input_shape)


def test_pixels_of_digits_range_from_zero_to_one() -> None:
    inputs = load("digits").train.inputs
    assert (inputs.min(), inputs.max()) == (0, 1)


def test_iris_is_standardised_by_its_training_set() -> None:
    dataset = load("iris")
    assert np.allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(dataset.train.inputs.std(axis=0), 1, atol=1e-5)
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
