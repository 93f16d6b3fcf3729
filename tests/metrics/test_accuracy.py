from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Floats
from annex_actors.metrics import evaluate, predicted_classes

TWO = ("no", "yes")
THREE = ("a", "b", "c")


def test_the_class_of_the_largest_output_is_predicted() -> None:
    outputs = np.array([[0.1, 0.9, 0.0], [-1.0, -3.0, -2.0], [0.0, 0.1, 5.0]])
    assert predicted_classes(outputs, 3, 3).tolist() == [1, 0, 2]


@pytest.mark.parametrize("shape", [(4, 1), (4,)])
def test_a_single_output_means_the_second_class_above_a_half(shape: tuple[int, ...]) -> None:
    outputs = np.array([0.0, 0.5, 0.51, 1.0]).reshape(shape)
    assert predicted_classes(outputs, 4, 2).tolist() == [0, 0, 1, 1]


def test_accuracy_is_the_fraction_that_is_correct() -> None:
    assert evaluate(np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 0]), THREE)["accuracy"] == 0.75


def test_regression_has_no_accuracy() -> None:
    assert "accuracy" not in evaluate(np.ones((3, 1)), np.ones(3), None)


@pytest.mark.parametrize(
    ("outputs", "classes"),
    [(np.ones((4, 2)), THREE), (np.ones((3, 3)), THREE), (np.ones(4), THREE), (np.ones((4, 2, 1)), TWO)],
)
def test_outputs_that_do_not_fit_the_classes_are_refused(outputs: Floats, classes: tuple[str, ...]) -> None:
    wanted = rf"\(4, {len(classes)}\), an output for each class, got "
    with pytest.raises(
        ShapeError, match=f"expected predictions of shape {wanted}.*; give the last layer {len(classes)}"
    ):
        evaluate(outputs, np.zeros(4, dtype=np.int64), classes)
