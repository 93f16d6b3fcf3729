from __future__ import annotations

import copy
import pickle
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats
from annex_actors.layers import (
    INITIALIZERS,
    Initializer,
    Layer,
    activation,
    dense,
    dropout,
    parse_layers,
    register_initializer,
    sequence,
)
from tests import tables
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


def drawn(initializer: str, shape: tuple[int, ...] = (700, 300), seed: int = 3, dtype: Any = FLOAT64) -> Floats:
    generator = np.random.default_rng(seed)
    return Initializer.of(initializer).draw(shape, (shape[-2], shape[-1]), generator, dtype)


UNIFORM = {
    "auto": np.sqrt(6 / 1000),
    "glorot": np.sqrt(6 / 1000),
    "glorot_uniform": np.sqrt(6 / 1000),
    "he_uniform": np.sqrt(6 / 700),
    "lecun_uniform": np.sqrt(3 / 700),
    "uniform": 0.05,
    "uniform,0.3": 0.3,
    "annex": 1.0,
}
"""The limits of uniform weights of shape (700, 300)."""

NORMAL = {
    "glorot_normal": np.sqrt(2 / 1000),
    "he": np.sqrt(2 / 700),
    "he_normal": np.sqrt(2 / 700),
    "lecun_normal": np.sqrt(1 / 700),
    "normal": 0.05,
    "normal,0.3": 0.3,
}
"""The deviations of normal ones."""

TRUNCATED = {
    "glorot_truncated_normal": np.sqrt(2 / 1000),
    "he_truncated_normal": np.sqrt(2 / 700),
    "lecun_truncated_normal": np.sqrt(1 / 700),
    "truncated_normal": 0.05 * 0.87962566,
    "truncated_normal,0.3": 0.3 * 0.87962566,
}
"""The deviations of what is left of normal ones that are cut at two deviations."""

EQUAL = {"zeros": 0.0, "ones": 1.0, "constant,0.1": 0.1, "constant,-2": -2.0}

ORTHOGONAL = {"orthogonal": 1.0, "orthogonal,1.5": 1.5}


def check_moments(weight: Floats, deviation: float) -> None:
    assert weight.mean() == pytest.approx(0, abs=5 * deviation / np.sqrt(weight.size))
    assert weight.std() == pytest.approx(deviation, rel=0.01)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_weights_fill_their_interval_evenly(name: str) -> None:
    weight, limit = drawn(name), UNIFORM[name]
    assert limit * 0.9999 < np.abs(weight).max() <= limit
    check_moments(weight, limit / np.sqrt(3))
    quarters, _ = np.histogram(weight, 4, (-limit, limit))
    np.testing.assert_allclose(quarters / weight.size, 0.25, atol=0.005)


@pytest.mark.parametrize("name", NORMAL)
def test_normal_weights_have_the_tails_of_their_deviation(name: str) -> None:
    weight, deviation = drawn(name), NORMAL[name]
    check_moments(weight, deviation)
    assert (np.abs(weight) > 2 * deviation).mean() == pytest.approx(0.0455, abs=0.002)
    assert (np.abs(weight) > 3 * deviation).any()


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncated_weights_have_their_variance_and_no_tails(name: str) -> None:
    weight, deviation = drawn(name), TRUNCATED[name]
    check_moments(weight, deviation)
    cut = 2 * deviation / 0.87962566
    assert 0.999 * cut < np.abs(weight).max() <= cut * (1 + 1e-7)


@pytest.mark.parametrize("name", EQUAL)
def test_equal_weights_are_equal(name: str) -> None:
    assert np.unique(drawn(name)).tolist() == [EQUAL[name]]


@pytest.mark.parametrize("name", ORTHOGONAL)
@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (30, 30), (3, 4, 5, 20), (1, 7), (7, 1)])
def test_orthogonal_weights_turn_and_do_not_stretch(name: str, shape: tuple[int, ...]) -> None:
    weight = drawn(name, shape)
    matrix = weight.reshape(-1, shape[-1])
    products = matrix.T @ matrix if len(matrix) >= shape[-1] else matrix @ matrix.T
    np.testing.assert_allclose(products, ORTHOGONAL[name] ** 2 * np.eye(len(products)), atol=1e-12)
    assert weight.flags.c_contiguous


def test_orthogonal_weights_prefer_no_direction() -> None:
    traces = [np.trace(drawn("orthogonal", (2, 2), seed)) for seed in range(2000)]
    assert np.mean(traces) == pytest.approx(0, abs=0.1)  # with the signs of a plain decomposition it is not


def test_every_initializer_is_tested_here() -> None:
    tested = [*UNIFORM, *NORMAL, *TRUNCATED, *EQUAL, *ORTHOGONAL]
    assert {each.partition(",")[0] for each in tested} == set(INITIALIZERS)


PINNED = {
    "glorot": "2cf43484205f",
    "he": "6b83c43523c5",
    "glorot_normal": "4f7c5c942c30",
    "glorot_truncated_normal": "d9d1053610e5",
    "he_uniform": "cdcc486ec81e",
    "he_truncated_normal": "073139ffa6db",
    "lecun_uniform": "f693a0d706c2",
    "lecun_normal": "609a72030ecb",
    "lecun_truncated_normal": "1be33f7a7f43",
    "uniform": "734a5fb1db03",
    "normal": "2467ce5b71ab",
    "truncated_normal": "a3632b0a6ce5",
    "annex": "da83a630b784",
}
"""The first digits of the SHA-256 of float32 weights of shape (9, 8); `glorot` and `he` are older than the rest.

`orthogonal` has the bits of a library's decomposition, which differ from one processor to the next.
"""


@pytest.mark.parametrize("name", PINNED)
def test_a_seed_always_gives_the_same_bits(name: str) -> None:
    weight = drawn(name, (9, 8), dtype=np.dtype(np.float32))
    assert sha256(weight.tobytes()).hexdigest()[:12] == PINNED[name]


@pytest.mark.parametrize("name", ["orthogonal", "truncated_normal"])
def test_the_same_generator_draws_the_same_and_another_one_does_not(name: str) -> None:
    assert np.array_equal(drawn(name, (40, 30)), drawn(name, (40, 30)))
    assert not np.array_equal(drawn(name, (40, 30)), drawn(name, (40, 30), seed=4))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_both_precisions_start_from_the_same_point(name: str) -> None:
    text = "constant,0.1" if name == "constant" else name
    single, double = (drawn(text, (9, 8), dtype=np.dtype(each)) for each in ("float32", "float64"))
    assert (single.dtype, double.dtype) == (np.dtype(np.float32), FLOAT64)
    assert np.array_equal(single, double.astype(np.float32))


def test_a_longer_name_is_the_same_initializer() -> None:
    assert Initializer.of("glorot_uniform") is Initializer.GLOROT is Initializer.of("glorot")
    assert Initializer.of("he_normal") is Initializer.HE
    assert dense(3, initializer="he_normal").spec() == "dense:3:he"


@pytest.mark.parametrize("text", ["auto", "he", "lecun_truncated_normal", "constant,0.1", "orthogonal,2.0"])
def test_an_initializer_is_its_text(text: str) -> None:
    own = Initializer.of(text)
    assert own.value == text == str(own)
    assert Initializer.of(own) is own
    for copied in (pickle.loads(pickle.dumps(own)), copy.deepcopy(own), Initializer.of(text)):
        assert copied is own


@given(value=st.floats(-1e30, 1e30))
def test_no_bit_of_a_number_is_lost_in_a_layers_text(value: float) -> None:
    layer = dense(3, initializer=f"constant,{value!r}")
    network = parse_layers(layer.spec())
    assert network.layers == (layer,)
    weight = network.initial_parameters((2,), seed=0, dtype=FLOAT64)[0]["weight"]
    assert np.unique(weight).tolist() == [value]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("constant", "expected `initializer` as constant,value, got 'constant'"),
        ("constant,1,2", "expected `initializer` as constant,value, got 'constant,1,2'"),
        ("he,1", "expected `initializer` as he, got 'he,1'"),
        ("constant,x", "expected `initializer` to be a name and finite numbers, got 'constant,x'"),
        ("constant,nan", "expected `initializer` to be a name and finite numbers, got 'constant,nan'"),
        ("constant,", "expected `initializer` to be a name and finite numbers, got 'constant,'"),
        ("normal,-1", "initializer 'normal,-1': expected `deviation` to be a number >= 0, got -1.0"),
        (
            "truncated_normal,-1",
            "initializer 'truncated_normal,-1': expected `deviation` to be a number >= 0, got -1.0",
        ),
        ("uniform,-1", "initializer 'uniform,-1': expected `limit` to be a number >= 0, got -1.0"),
        ("", "expected `initializer` to be one of auto, "),
        ("lecun", "expected `initializer` to be one of auto, "),
        (None, "expected `initializer` to be one of auto, "),
    ],
)
def test_a_text_that_is_no_initializer_is_refused_in_one_line(text: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        dense(3, initializer=text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_users_own_initializer_has_a_name_in_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)

    def diagonal(shape: Any, fan: Any, generator: Any, scale: float = 1.0) -> Floats:
        if scale > 9:
            raise ValueError("too steep")
        return scale * np.eye(*shape)

    assert register_initializer("diagonal", diagonal) is diagonal
    weight = parse_layers("dense:2:diagonal,3").initial_parameters((2,), seed=0, dtype=FLOAT64)[0]["weight"]
    assert weight.tolist() == [[3, 0], [0, 3]]
    with pytest.raises(ConfigError, match="got 'diagonal,10': ValueError: too steep"):
        dense(2, initializer="diagonal,10")


@pytest.mark.parametrize("name", ["he", "two words", "a,b", "a:b", 3])
def test_a_name_that_is_taken_or_no_word_is_not_registered(name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    with pytest.raises(ConfigError, match="expected a new name for the initializer"):
        register_initializer(name, lambda shape, fan, generator: np.zeros(shape))


def test_an_initializer_of_the_wrong_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    register_initializer("flat", lambda shape, fan, generator: np.zeros(1))
    with pytest.raises(ConfigError, match=r"initializer flat to draw an array of shape \(2, 3\), got \(1,\)"):
        drawn("flat", (2, 3))


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
