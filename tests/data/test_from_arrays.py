from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import Dataset

INPUTS = np.arange(40.0).reshape(20, 2)
LABELS = np.arange(20) % 2


def test_every_sample_is_in_one_part_with_its_own_target() -> None:
    dataset = Dataset.from_arrays(INPUTS, INPUTS[:, 0] * 10)
    inputs = np.concatenate([dataset.train.inputs, dataset.test.inputs])
    targets = np.concatenate([dataset.train.targets, dataset.test.targets])
    assert sorted(inputs[:, 0]) == INPUTS[:, 0].tolist()
    assert np.array_equal(targets, inputs[:, 0] * 10)


def test_a_fifth_is_the_test_set_by_default() -> None:
    dataset = Dataset.from_arrays(INPUTS, LABELS)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)


def test_the_split_depends_on_the_seed_alone() -> None:
    first, again, other = (Dataset.from_arrays(INPUTS, LABELS, seed=seed).test.inputs for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_test_fraction_of_zero_tests_on_the_training_samples() -> None:
    dataset = Dataset.from_arrays(INPUTS, LABELS, test_fraction=0)
    assert np.array_equal(dataset.train.inputs, INPUTS)
    assert np.array_equal(dataset.test.inputs, INPUTS)


@pytest.mark.parametrize(
    ("targets", "classes", "labels"),
    [
        ([0, 1, 2, 1], ("0", "1", "2"), [0, 1, 2, 1]),
        ([10, 9, 10, 2], ("2", "9", "10"), [2, 1, 2, 0]),
        (["no", "yes", "no", "maybe"], ("maybe", "no", "yes"), [1, 2, 1, 0]),
        (np.array(["no", "yes", "no", "maybe"], dtype=object), ("maybe", "no", "yes"), [1, 2, 1, 0]),
        ([False, True, True, False], ("False", "True"), [0, 1, 1, 0]),
    ],
)
def test_the_distinct_labels_sorted_are_the_classes(
    targets: ArrayLike, classes: tuple[str, ...], labels: list[int]
) -> None:
    dataset = Dataset.from_arrays(INPUTS[:4], targets, test_fraction=0)
    assert dataset.classes == classes
    assert dataset.train.targets.tolist() == labels


def test_floating_point_targets_are_regression_even_if_they_are_integers() -> None:
    assert Dataset.from_arrays(INPUTS, LABELS * 1.0).classes is None


def test_names_and_source_are_kept() -> None:
    dataset = Dataset.from_arrays(INPUTS, LABELS, name="mine", feature_names=["a", "b"], source="a sensor")
    assert (dataset.name, dataset.feature_names, dataset.source) == ("mine", ("a", "b"), "a sensor")


def test_a_bad_row_is_named_as_the_caller_counts_it() -> None:
    inputs = INPUTS.copy()
    inputs[17, 1] = np.nan
    with pytest.raises(DataError, match="got nan in row 17, column 1;"):
        Dataset.from_arrays(inputs, LABELS)


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_test_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match="expected `test_fraction` to be a number >= 0 and < 1, got"):
        Dataset.from_arrays(INPUTS, LABELS, test_fraction=fraction)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected `seed` to be an integer >= 0"):
        Dataset.from_arrays(INPUTS, LABELS, seed=-1)


def test_a_single_sample_cannot_be_split() -> None:
    with pytest.raises(DataError, match="expected at least 2 samples to split, got 1; test_fraction=0 tests on"):
        Dataset.from_arrays(INPUTS[:1], LABELS[:1])


def test_weights_stay_with_their_samples() -> None:
    numbers = np.arange(1.0, 21.0)
    dataset = Dataset.from_arrays(numbers[:, np.newaxis], np.arange(20) % 2, sample_weight=numbers)
    for part in (dataset.train, dataset.test):
        assert part.sample_weight is not None
        assert part.sample_weight.tolist() == part.inputs[:, 0].tolist()


@pytest.mark.parametrize("dtype", [int, np.uint8, bool])
def test_a_column_of_labels_and_one_hot_rows_are_labels(dtype: type) -> None:
    labels = np.arange(9) % 3
    for given in (labels[:, None], np.eye(3, dtype=dtype)[labels]):
        dataset = Dataset.from_arrays(np.ones((9, 2)), given, test_fraction=0)
        assert dataset.classes == ("0", "1", "2")
        assert dataset.train.targets.tolist() == labels.tolist()


def test_several_integers_of_a_sample_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match=r"or one-hot rows, got int64 of shape \(2, 2\); .*targets\.astype\(float\)"):
        Dataset.from_arrays([[1.0], [2.0]], [[1, 1], [0, 1]])
