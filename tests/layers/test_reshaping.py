from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.layers import flatten, parse_layers, permute


def test_the_numbers_of_a_sample_keep_their_order() -> None:
    inputs = np.arange(12.0).reshape(2, 2, 3)
    outputs, saved = flatten().forward({}, inputs, None)
    assert outputs.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    grad_input, _ = flatten().backward({}, saved, outputs, True)
    assert grad_input is not None
    assert np.array_equal(grad_input, inputs)


def test_nothing_is_copied() -> None:
    inputs = np.ones((2, 2, 3))
    assert np.shares_memory(flatten().forward({}, inputs, None)[0], inputs)


def test_the_shape_is_the_product_of_the_axes() -> None:
    assert flatten().output_shape((28, 28)) == (784,)
    assert flatten().output_shape((3, 4, 5)) == (60,)
    assert flatten().output_shape((7,)) == (7,)


def test_samples_that_are_single_numbers_become_rows_of_one() -> None:
    assert flatten().output_shape(()) == (1,)
    assert flatten().forward({}, np.ones(4), None)[0].shape == (4, 1)


@pytest.mark.parametrize(
    ("text", "shape", "result"),
    [
        ("reshape:8:8", (64,), (8, 8)),
        ("reshape:-1:4", (2, 6), (3, 4)),
        ("permute:3:1:2", (5, 6, 7), (7, 5, 6)),
    ],
)
def test_shapes_after_reshaping(text: str, shape: tuple[int, ...], result: tuple[int, ...]) -> None:
    assert parse_layers(text).shapes(shape) == (shape, result)


def test_a_permutation_moves_each_axis_where_numpy_would() -> None:
    inputs = np.arange(24.0).reshape(1, 2, 3, 4)
    outputs, _ = permute(3, 1, 2).forward({}, inputs, None)
    assert np.array_equal(outputs, inputs.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reshape:5:2", r"expected samples of 10 numbers, got \(6,\), which has 6"),
        ("reshape:4:-1", r"expected samples of a multiple of 4 numbers, got \(6,\), which has 6"),
        ("permute:2:1", r"expected samples with axes 1 to 2, got shape \(6,\)"),
    ],
)
def test_samples_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        parse_layers(text).shapes((6,))


@pytest.mark.parametrize(
    "text",
    ["reshape", "reshape:-1:-1", "reshape:0", "reshape:1.5", "permute", "permute:1:1", "permute:0:1", "permute:x"],
)
def test_axes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected `(sizes|axes)` to be"):
        parse_layers(text)
