from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats
from annex_actors.layers import Initializer, Layer, activation, dense, dropout, sequence
from tests.trainings import outputs_of

KEY = RandomKey(seed=3)
FLOAT64 = np.dtype(np.float64)


def first_weight(initializer: str) -> Floats:
    return dense(300, initializer=initializer).initial_parameters((700,), KEY, FLOAT64)["weight"]


def test_glorot_is_uniform_with_the_variance_of_the_paper() -> None:
    weight = first_weight("glorot")
    limit = np.sqrt(6 / (700 + 300))
    assert limit * 0.999 < np.abs(weight).max() <= limit
    assert weight.mean() == pytest.approx(0, abs=5 * limit / np.sqrt(3 * weight.size))
    assert weight.var() == pytest.approx(2 / (700 + 300), rel=0.01)


def test_he_is_normal_with_the_variance_of_the_paper() -> None:
    weight = first_weight("he")
    deviation = np.sqrt(2 / 700)
    assert weight.var() == pytest.approx(2 / 700, rel=0.02)
    assert weight.mean() == pytest.approx(0, abs=5 * deviation / np.sqrt(weight.size))
    assert (np.abs(weight) > 2 * deviation).mean() == pytest.approx(0.0455, abs=0.003)


@pytest.mark.parametrize(
    ("following", "expected"),
    [
        ([activation("relu")], "he"),
        ([activation(("relu", 0.5))], "he"),
        ([dropout(0.1), activation("relu")], "he"),
        ([activation("tanh"), activation("relu")], "glorot"),
        ([activation("sigmoid")], "glorot"),
        ([dense(3), activation("relu")], "glorot"),
        ([], "glorot"),
    ],
    ids=["relu", "relu with threshold", "dropout relu", "tanh relu", "sigmoid", "dense relu", "nothing"],
)
def test_auto_is_he_where_the_next_activation_is_a_relu(following: list[Layer], expected: str) -> None:
    automatic, chosen = sequence(dense(5), *following), dense(5, initializer=expected)
    first = automatic.initial_parameters((4,), seed=KEY.seed, dtype=FLOAT64)[0]["weight"]
    assert np.array_equal(first, chosen.initial_parameters((4,), KEY, FLOAT64)["weight"])


def test_a_chosen_initializer_is_kept_before_a_relu() -> None:
    network = sequence(dense(5, initializer="glorot"), activation("relu"))
    expected = dense(5, initializer="glorot").initial_parameters((4,), KEY, FLOAT64)["weight"]
    assert np.array_equal(network.initial_parameters((4,), seed=KEY.seed, dtype=FLOAT64)[0]["weight"], expected)


def test_a_signal_keeps_its_strength_through_many_layers() -> None:
    network = sequence(*[layer for _ in range(20) for layer in (dense(256), activation("relu"))])
    signal: Floats = np.random.default_rng(0).standard_normal((64, 256))
    parameters = network.initial_parameters((256,), seed=0, dtype=FLOAT64)
    signal = outputs_of(network, parameters, signal)
    assert 0.2 < np.square(signal).mean() < 5


def test_an_unknown_initializer_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"expected `initializer` to be one of auto, glorot, .*, annex, got 'xavier'"):
        dense(5, initializer="xavier")
    assert dense(5, initializer=Initializer.HE) == dense(5, initializer="he")
