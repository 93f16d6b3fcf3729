from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, ShapeError, UserError
from annex_actors.base.random_keys import RandomKey
from annex_actors.layers import gru, lstm, parse_layers, self_attention, sinusoidal_positions

FLOAT64 = np.dtype(np.float64)


def test_sinusoidal_positions_are_sines_and_cosines_by_turns() -> None:
    outputs, _ = sinusoidal_positions().forward({}, np.zeros((1, 3, 4)), None)
    angles = [[t, t, t / 100, t / 100] for t in range(3)]
    expected = [[f(a) for f, a in zip((np.sin, np.cos) * 2, row, strict=True)] for row in angles]
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-12)


def test_causal_attention_does_not_see_what_comes_later() -> None:
    layer = self_attention(2, causal=True)
    parameters = layer.initial_parameters((5, 4), RandomKey(1), FLOAT64)
    inputs = np.random.default_rng(0).standard_normal((1, 5, 4))
    changed = inputs.copy()
    changed[0, 3:] += 1
    before, after = (layer.forward(parameters, each, None)[0] for each in (inputs, changed))
    assert before[0, :3].tobytes() == after[0, :3].tobytes()
    assert not np.isclose(before[0, 3:], after[0, 3:]).any()


def test_dropout_of_attention_depends_on_the_key_alone() -> None:
    layer = self_attention(1, dropout=0.5)
    parameters = layer.initial_parameters((6, 2), RandomKey(1), FLOAT64)
    inputs = np.random.default_rng(0).standard_normal((2, 6, 2))
    one, again, other, none = (
        layer.forward(parameters, inputs, key)[0]
        for key in (RandomKey(1, step=1), RandomKey(1, step=1), RandomKey(1, step=2), None)
    )
    assert one.tobytes() == again.tobytes()
    assert not np.allclose(one, other)
    assert not np.allclose(one, none)


@pytest.mark.parametrize("make", [lstm, gru])
def test_reading_in_reverse_is_reading_what_is_reversed(make: Any) -> None:
    inputs = np.random.default_rng(0).standard_normal((2, 4, 3))
    parameters = make(2).initial_parameters((4, 3), RandomKey(1), FLOAT64)
    forwards, _ = make(2, True).forward(parameters, inputs[:, ::-1].copy(), None)
    backwards, _ = make(2, True, reverse=True).forward(parameters, inputs, None)
    assert backwards[:, ::-1].tobytes() == forwards.tobytes()


@pytest.mark.parametrize(
    ("text", "shape", "error", "message"),
    [
        ("self_attention:3", (4, 8), ShapeError, "expected `num_heads` to divide the width 8 of samples, got 3"),
        (
            "self_attention:2",
            (8,),
            ShapeError,
            r"expected samples of shape \(sequence, width\), got \(8,\); put embedding",
        ),
        ("self_attention:2", (2, 2, 2), ShapeError, r"got \(2, 2, 2\); put reshape before"),
        ("positions", (8,), ShapeError, r"expected samples of shape \(sequence, width\), got \(8,\)"),
        ("sinusoidal_positions", (8,), ShapeError, r"expected samples of shape \(sequence, width\), got \(8,\)"),
        ("lstm:3", (8,), ShapeError, r"expected samples of shape \(sequence, width\), got \(8,\)"),
        ("gru:3", (2, 2, 2), ShapeError, r"expected samples of shape \(sequence, width\), got \(2, 2, 2\)"),
        ("self_attention:0", (4, 8), ConfigError, "expected `num_heads` to be an integer >= 1, got 0"),
        ("self_attention:2:causal=2", (4, 8), ConfigError, "expected `causal` to be true or false, got 2"),
        ("self_attention:2:dropout=1", (4, 8), ConfigError, "expected `dropout` to be a number >= 0 and < 1, got 1"),
        ("self_attention:2:bias=0", (4, 8), ConfigError, "expected `bias` to be true or false, got 0"),
        ("lstm:0", (4, 8), ConfigError, "expected `units` to be an integer >= 1, got 0"),
        ("gru:3:return_sequences=1", (4, 8), ConfigError, "expected `return_sequences` to be true or false, got 1"),
        ("lstm:3:reverse=no", (4, 8), ConfigError, "expected `reverse` to be true or false, got 'no'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    text: str, shape: tuple[int, ...], error: type[UserError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        parse_layers(text).shapes(shape)
    assert "\n" not in str(caught.value)
    assert text in str(caught.value)
