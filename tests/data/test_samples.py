from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.types import Array
from annex_actors.data import Samples

LABELS = np.array([0, 1, 0])


def rows(*shape: int) -> Array:
    return np.arange(np.prod(shape), dtype=np.float64).reshape(shape)


def test_inputs_become_float32_and_labels_int64() -> None:
    samples = Samples(rows(3, 2), LABELS.astype(np.uint8))
    assert samples.inputs.dtype == np.float32
    assert samples.targets.dtype == np.int64


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4)])
def test_floating_targets_become_float32(shape: tuple[int, ...]) -> None:
    targets = Samples(rows(3, 2), rows(*shape)).targets
    assert targets.dtype == np.float32
    assert targets.shape == shape


def test_inputs_may_have_any_number_of_axes() -> None:
    assert Samples(rows(3, 4, 5, 2), LABELS).inputs.shape == (3, 4, 5, 2)


def test_the_length_is_the_number_of_samples() -> None:
    assert len(Samples(rows(3, 2), LABELS)) == 3


def test_columns_of_a_fortran_array_become_contiguous() -> None:
    inputs = Samples(np.asfortranarray(rows(3, 2)), LABELS).inputs
    assert inputs.flags.c_contiguous
    assert np.array_equal(inputs, rows(3, 2))


def test_weights_become_float64_and_read_only() -> None:
    samples = Samples(rows(3, 2), np.arange(3), np.array([1, 0, 2]))
    assert samples.sample_weight is not None
    assert samples.sample_weight.dtype == np.float64
    assert samples.sample_weight.tolist() == [1, 0, 2]
    assert not samples.sample_weight.flags.writeable
    assert "weighted" in repr(samples)
    assert Samples(rows(3, 2), np.arange(3)).sample_weight is None


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1, 1], "expected sample_weight to be finite numbers >= 0, got -1 in row 1; 0 leaves a sample out"),
        ([1, 1, np.nan], "expected sample_weight to be finite numbers >= 0, got nan in row 2"),
        ([np.inf, 1, 1], "expected sample_weight to be finite numbers >= 0, got inf in row 0"),
        ([1e39, 1, 1], "expected sample_weight to be finite numbers >= 0, got 1e+39 in row 0"),
        ([0, 0, 0], "expected a sample_weight above 0, got zeros; nothing could be learned"),
        ([1, 1], "expected sample_weight to be numbers of shape (3,), one for each sample, got int64 of shape (2,)"),
        (
            [[1], [1], [1]],
            "expected sample_weight to be numbers of shape (3,), one for each sample, got int64 of shape",
        ),
        (["a", "b", "c"], "expected sample_weight to be numbers of shape (3,), one for each sample, got <U1 of shape"),
        (1.0, "expected sample_weight to be numbers of shape (3,), one for each sample, got float64 of shape ()"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_in_one_line(weights: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Samples(rows(3, 2), np.arange(3), weights)
    assert str(caught.value).startswith(message)


def test_writing_to_samples_raises() -> None:
    samples = Samples(rows(3, 2), LABELS)
    for array in (samples.inputs, samples.targets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_writing_to_the_given_arrays_later_does_not_change_the_samples() -> None:
    inputs, targets = rows(3, 2).astype(np.float32), LABELS.copy()
    samples = Samples(inputs[:, :], targets)
    inputs[:], targets[:] = 7, 1
    assert np.array_equal(samples.inputs, rows(3, 2))
    assert np.array_equal(samples.targets, LABELS)


def test_a_read_only_view_of_writable_memory_is_copied() -> None:
    memory = rows(3, 2).astype(np.float32)
    view = memory[:]
    view.flags.writeable = False
    assert not np.may_share_memory(Samples(view, LABELS).inputs, memory)


def test_read_only_memory_is_not_copied() -> None:
    memory = rows(3, 2).astype(np.float32)
    memory.flags.writeable = False
    assert np.may_share_memory(Samples(memory, LABELS).inputs, memory)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (rows(3), LABELS, r"expected inputs of shape \(samples, features, \.\.\.\), got \(3,\); .* a row of numbers"),
        (np.float64(5), LABELS, r"got \(\)"),
        (rows(3, 0), LABELS, r"got \(3, 0\)"),
        (rows(4, 2), LABELS, "expected a target for each of 4 inputs, got 3; drop the odd rows"),
        (rows(0, 2), LABELS[:0], "expected at least 1 sample, got 0"),
        (rows(3, 2), LABELS[:, None], r"expected labels of shape \(samples,\), got \(3, 1\); .* one label"),
        (rows(3, 2), rows(3, 2, 2), r"expected targets of shape \(samples,\) or \(samples, outputs\), got \(3, 2, 2\)"),
        (rows(3, 2), rows(3, 0), r"got \(3, 0\)"),
        (np.full((3, 2), "a"), LABELS, "expected inputs to be numbers, got an array of <U1; convert them first"),
        (rows(3, 2) * 1j, LABELS, "expected inputs to be numbers, got an array of complex128"),
        (rows(3, 2), LABELS * 1j, "expected targets to be numbers, got an array of complex128"),
        ([[1, 2], [3], [4]], LABELS, "expected inputs with rows of one length, got list with several"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(inputs: Array, targets: Array, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Samples(inputs, targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_the_first_number_that_is_not_finite_is_named_with_row_and_column(bad: float) -> None:
    inputs = rows(4, 3)
    inputs[2, 1] = inputs[3, 0] = bad
    with pytest.raises(
        DataError, match=rf"finite float32 numbers, got {bad}".replace("+", r"\+") + " in row 2, column 1;"
    ):
        Samples(inputs, np.zeros(4))


def test_a_bad_pixel_is_named_with_all_its_indices() -> None:
    inputs = rows(2, 3, 4)
    inputs[1, 2, 3] = np.nan
    with pytest.raises(DataError, match="row 1, column 2, 3;"):
        Samples(inputs, LABELS[:2])


def test_a_target_that_is_not_finite_is_named_with_its_row() -> None:
    with pytest.raises(DataError, match="expected targets to be finite float32 numbers, got nan in row 1;"):
        Samples(rows(3, 2), np.array([1.0, np.nan, 2.0]))


NUMBERED = Samples(np.arange(20.0).reshape(10, 2), np.arange(10) % 2, np.arange(1.0, 11.0))


def rows_of(samples: Samples) -> list[tuple[float, ...]]:
    weights = samples.sample_weight
    assert weights is not None
    return [(*row, *rest) for row, *rest in zip(samples.inputs.tolist(), samples.targets, weights, strict=True)]


def test_a_random_order_keeps_each_sample_whole() -> None:
    mixed = NUMBERED.randomize(seed=3)
    assert rows_of(mixed) != rows_of(NUMBERED)
    assert sorted(rows_of(mixed)) == rows_of(NUMBERED)
    assert rows_of(mixed) == rows_of(NUMBERED.randomize(seed=3)) != rows_of(NUMBERED.randomize(seed=4))


@pytest.mark.parametrize(("fraction", "first"), [(0.3, 3), (0.5, 5), (0.01, 1), (0.99, 9)])
def test_a_split_gives_each_sample_to_one_of_two_parts(fraction: float, first: int) -> None:
    parts = NUMBERED.split(fraction, seed=1)
    assert [len(part) for part in parts] == [first, 10 - first]
    assert sorted([*rows_of(parts[0]), *rows_of(parts[1])]) == rows_of(NUMBERED)


def test_a_split_has_each_class_in_both_parts() -> None:
    assert [part.targets.tolist().count(1) for part in NUMBERED.split(0.4)] == [2, 3]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, "half"])
def test_a_fraction_out_of_range_is_refused(fraction: Any) -> None:
    with pytest.raises(ConfigError, match="expected `fraction` to be a"):
        NUMBERED.split(fraction)
