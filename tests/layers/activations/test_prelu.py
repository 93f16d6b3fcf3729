from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.layers import Initializer, dense, parse_layers, prelu, sequence
from annex_actors.testing import check_layer


@settings(deadline=None, print_blob=True, max_examples=20)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), st.booleans(), st.floats(-1, 2))
def test_any_prelu_keeps_its_promises(shape: tuple[int, ...], for_each_channel: bool, init: float) -> None:
    check_layer(prelu(shape[-1] if for_each_channel else 1, init), shape)


def test_each_channel_has_its_slope() -> None:
    inputs = np.array([[[-1.0, -1.0], [2.0, 2.0]]])
    outputs, _ = prelu(2).forward({"weight": np.array([0.5, 0.25])}, inputs, None)
    assert outputs.tolist() == [[[-0.5, -0.25], [2, 2]]]


def test_the_weights_begin_as_init() -> None:
    parameters = prelu(3, init=0.1).initial_parameters((3,), RandomKey(1), np.dtype("float32"))
    assert parameters["weight"].tolist() == [np.float32(0.1)] * 3


def test_the_weights_below_a_prelu_are_those_below_a_relu() -> None:
    layers = sequence(dense(4), prelu(), dense(2)).layers
    assert layers[0] == sequence(dense(4), parse_layers("relu"), dense(2)).layers[0]
    assert layers[0] != dense(4, initializer=Initializer.GLOROT)


def test_the_number_of_weights_is_one_or_that_of_the_channels() -> None:
    with pytest.raises(ShapeError, match=r"layer 0 \(prelu:num_parameters=3\) .*\(..., 3\), a weight for each channel"):
        parse_layers("prelu:3").shapes((3, 4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prelu:0", "expected `num_parameters` to be an integer >= 1, got 0"),
        ("prelu:1:nan", "expected `init` to be a number that is finite, got nan"),
    ],
)
def test_a_setting_out_of_range_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_layers(text)
