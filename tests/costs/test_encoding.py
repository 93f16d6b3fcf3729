from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import DataError, ShapeError, UserError
from annex_actors.base.types import Array, Shape
from annex_actors.costs import Cost, cost

SOFTMAX, SIGMOID, MSE = (cost(name) for name in ("softmax_cross_entropy", "sigmoid_cross_entropy", "mse"))
LABELS = np.array([2, 0, 1])
HOT = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    "labels", [LABELS, LABELS.astype(np.uint8), LABELS.astype(np.float32), np.array(HOT), np.array(HOT, bool)]
)
def test_class_labels_come_as_integers_whole_floats_or_one_hot_rows(labels: Array) -> None:
    encoded = SOFTMAX.encode(labels, (3,))
    assert encoded.dtype == np.int64
    assert encoded.tolist() == [2, 0, 1]


@pytest.mark.parametrize("name", ["mean_squared_error", "sigmoid_cross_entropy"])
def test_class_labels_for_several_outputs_become_one_hot_rows(name: str) -> None:
    encoded = cost(name).encode(LABELS, (3,))
    assert encoded.dtype == np.float32
    assert encoded.tolist() == HOT


@pytest.mark.parametrize("name", ["mean_squared_error", "sigmoid_cross_entropy"])
def test_one_number_for_each_sample_becomes_a_column_for_one_output(name: str) -> None:
    assert cost(name).encode(np.array([0, 1, 1]), (1,)).tolist() == [[0], [1], [1]]
    assert cost(name).encode(np.array([[0.5], [1]]), (1,)).tolist() == [[0.5], [1]]


def test_floats_keep_their_precision_and_integers_become_double() -> None:
    assert MSE.encode(np.ones((2, 3), np.float32), (3,)).dtype == np.float32
    assert MSE.encode(np.ones((2, 3), int), (3,)).dtype == np.float64


@pytest.mark.parametrize(
    ("targets", "output_shape"),
    [
        (np.ones((4, 1)), (3,)),
        (np.ones((4, 2)), (3,)),
        (np.ones((4, 3, 1)), (3,)),
        (np.ones((1, 4)), (1,)),
        (np.ones(4), (3,)),
        (np.ones(4), (2, 2)),
        (np.ones(4, int), (2, 2)),
        (np.float64(1), (1,)),
        (np.float64(1), ()),
    ],
)
@pytest.mark.parametrize("name", ["mean_squared_error", "sigmoid_cross_entropy"])
def test_targets_that_fit_by_broadcasting_only_are_refused(name: str, targets: Array, output_shape: Shape) -> None:
    with pytest.raises(DataError, match=r"expected targets of shape \(samples.*\) for outputs of shape"):
        cost(name).encode(targets, output_shape)


@pytest.mark.parametrize("labels", [np.ones((4, 1), int), np.ones((4, 2), int), np.ones((4, 3, 1), int), np.int64(1)])
def test_class_labels_of_another_shape_are_refused(labels: Array) -> None:
    message = r"expected class labels of shape \(samples,\) or one-hot rows of shape \(samples, 3\), got \("
    with pytest.raises(DataError, match=message):
        SOFTMAX.encode(labels, (3,))


@pytest.mark.parametrize("wrong", [-1, 3, 10**9])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"])
def test_a_class_out_of_range_is_refused(name: str, wrong: int) -> None:
    with pytest.raises(DataError, match=f"expected class labels 0 to 2 for 3 outputs, got {wrong}; number the classes"):
        cost(name).encode(np.array([0, wrong, 1]), (3,))


def test_labels_between_two_classes_are_refused() -> None:
    with pytest.raises(DataError, match=r"expected class labels to be integers, got 0\.5"):
        SOFTMAX.encode(np.array([0, 0.5]), (3,))


@pytest.mark.parametrize("row", [[0, 0, 0], [1, 1, 0], [0, -1, 2], [0.5, 0.4999, 0.2]])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "kl_divergence"])
def test_rows_that_are_neither_one_hot_nor_probabilities_are_refused(name: str, row: list[float]) -> None:
    message = r"expected one-hot rows \(a single 1, else 0\), or rows of probabilities with the sum 1, got row 1 other"
    with pytest.raises(DataError, match=message):
        cost(name).encode(np.array([[1, 0, 0], row]), (3,))


@pytest.mark.parametrize("row", [[0, 0, 0], [1, 1, 0], [0.5, 0.5, 0], [0, -1, 2]])
def test_a_hinge_refuses_rows_that_are_not_one_hot(row: list[float]) -> None:
    with pytest.raises(DataError, match=r"expected one-hot rows \(a single 1, else 0\), got row 1 otherwise"):
        cost("hinge").encode(np.array([[1, 0, 0], row]), (3,))


def test_rows_of_probabilities_stay_what_they_are() -> None:
    rows = np.array([[0.5, 0.5, 0], [0, 1, 0]], np.float32)
    assert SOFTMAX.encode(rows, (3,)).tolist() == cost("kl_divergence").encode(rows, (3,)).tolist() == rows.tolist()


@pytest.mark.parametrize("targets", [[0, 1, 1], [-1, 1, 1], [1, 1, 1], [[0], [1], [1]]])
def test_the_hinge_of_one_output_takes_0_or_minus_1_for_no(targets: list[int]) -> None:
    encoded = cost("hinge").encode(np.array(targets), (1,))
    assert encoded.tolist() == [[-1 if np.ravel(targets)[0] < 1 else 1], [1], [1]]


@pytest.mark.parametrize("targets", [[0, -1, 1], [0, 2, 1], [0.5, 0, 1]])
def test_the_hinge_of_one_output_refuses_other_targets(targets: list[float]) -> None:
    with pytest.raises(DataError, match="expected targets of 0 and 1, or of -1 and 1, for hinge, got others"):
        cost("hinge").encode(np.array(targets), (1,))


def test_counts_below_0_are_refused() -> None:
    with pytest.raises(DataError, match="expected targets >= 0 for poisson, got -2"):
        cost("poisson").encode(np.array([1, -2]), (1,))


def test_targets_without_a_direction_are_refused() -> None:
    with pytest.raises(DataError, match="expected targets with a direction for cosine_similarity, got only zeros in r"):
        cost("cosine_similarity").encode(np.array([[1.0, 0], [0, 0]]), (2,))


@pytest.mark.parametrize("output_shape", [(), (1,), (2, 1)])
def test_one_output_has_no_angle(output_shape: Shape) -> None:
    with pytest.raises(
        ShapeError, match="expected at least 2 outputs on the last axis for cosine_similarity, got shape"
    ):
        cost("cosine_similarity").encode(np.ones((3, *output_shape)), output_shape)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_targets_that_are_not_finite_are_refused_with_their_row(name: str, wrong: float) -> None:
    targets = np.eye(3)
    targets[1, 2] = wrong
    with pytest.raises(DataError, match="expected labels or targets to be finite, got NaN or infinity in row 1"):
        cost(name).encode(targets, (3,))


@pytest.mark.parametrize("targets", [np.array(["cat", "dog"]), np.array([1j]), np.array([None, 1])])
def test_targets_that_are_not_numbers_are_refused(targets: Array) -> None:
    with pytest.raises(DataError, match="expected labels or targets to be numbers, got dtype"):
        MSE.encode(targets, (1,))


@pytest.mark.parametrize("wrong", [-0.5, 1.5, 2])
def test_probabilities_outside_zero_to_one_are_refused(wrong: float) -> None:
    with pytest.raises(DataError, match=f"expected targets from 0 to 1 for sigmoid_cross_entropy, got {wrong}"):
        SIGMOID.encode(np.array([0, wrong]), (1,))


@pytest.mark.parametrize("name", ["hinge", "kl_divergence"])
def test_classes_need_outputs_in_one_row(name: str) -> None:
    with pytest.raises(ShapeError, match=r"expected outputs of shape \(classes,\) with at least 2 classes for"):
        cost(name).encode(np.zeros((2, 2, 2)), (2, 2))


@pytest.mark.parametrize("output_shape", [(), (1,), (2, 2)])
def test_a_softmax_needs_several_outputs_in_one_row(output_shape: Shape) -> None:
    with pytest.raises(ShapeError, match=r"expected outputs of shape \(classes,\) with at least 2 classes"):
        SOFTMAX.encode(np.array([0, 0]), output_shape)


shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)


@settings(deadline=None, print_blob=True)
@given(st.sampled_from([SOFTMAX, SIGMOID, MSE]), shapes, shapes, st.booleans())
def test_any_targets_are_encoded_as_a_row_for_each_sample_or_refused(
    chosen: Cost, shape: Shape, output_shape: Shape, whole: bool
) -> None:
    targets = np.zeros(shape, np.int64 if whole else np.float64)
    try:
        encoded = chosen.encode(targets, output_shape)
    except UserError:
        return
    expected = (shape[0],) if chosen == SOFTMAX else (shape[0], *output_shape)
    assert encoded.shape == expected
