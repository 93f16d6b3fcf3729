from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.data import Dataset, Samples

TRAIN = Samples(np.ones((4, 2)), np.array([0, 1, 2, 0]))
TEST = Samples(np.ones((2, 2)), np.array([2, 1]))
CLASSES = ("a", "b", "c")
AMOUNTS = Samples(np.ones((3, 2)), np.ones((3, 2)))


def dataset(
    train: Samples = TRAIN,
    test: Samples = TEST,
    classes: tuple[str, ...] | None = CLASSES,
    names: tuple[str, ...] | None = None,
) -> Dataset:
    return Dataset("name", train, test, classes, names, "made by the test")


def labelled(*labels: int) -> Samples:
    return Samples(np.ones((len(labels), 2)), np.array(labels))


def test_the_input_shape_leaves_out_the_sample_axis() -> None:
    pictures = Samples(np.ones((4, 5, 6)), np.zeros(4))
    assert dataset(pictures, pictures, None).input_shape == (5, 6)


def test_the_test_set_may_be_the_training_set() -> None:
    assert dataset(TRAIN, TRAIN).test is TRAIN


def test_a_regression_has_no_classes() -> None:
    assert dataset(AMOUNTS, AMOUNTS, None).classes is None


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range_is_named_with_its_part_and_row(part: str, label: int) -> None:
    bad = labelled(0, label, 1)
    with pytest.raises(DataError, match=rf"expected {part} labels from 0 to 2 \(3 classes\), got {label} in row 1;"):
        dataset(**{part: bad})  # type: ignore[arg-type]  # mypy does not know the key


@pytest.mark.parametrize(
    ("train", "test", "classes", "names", "message"),
    [
        (
            TRAIN,
            Samples(np.ones((2, 3)), TEST.targets),
            CLASSES,
            None,
            r"inputs of one shape .* got \(4, 2\) and \(2, 3\)",
        ),
        (AMOUNTS, Samples(np.ones((3, 2)), np.ones(3)), None, None, r"targets of one shape .* got \(3, 2\) and \(3,\)"),
        (TRAIN, TEST, None, None, r"expected train targets to be numbers with decimals \(regression\), got int64"),
        (AMOUNTS, AMOUNTS, CLASSES, None, "expected train targets to be labels of 3 classes, got float32"),
        (TRAIN, TEST, CLASSES, ("one",), r"expected a name for each column of inputs \(2,\), got 1 name"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_one_line(
    train: Samples, test: Samples, classes: tuple[str, ...] | None, names: tuple[str, ...] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        dataset(train, test, classes, names)
    assert "\n" not in str(caught.value)
