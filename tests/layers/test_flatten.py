from __future__ import annotations

import numpy as np

from annex_actors.layers import flatten


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
