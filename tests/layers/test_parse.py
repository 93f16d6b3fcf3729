from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Floats
from annex_actors.layers import (
    LAYERS,
    Activation,
    Layer,
    activation,
    batch_norm,
    dense,
    dropout,
    flatten,
    group_norm,
    layer_norm,
    parse_layers,
    prelu,
    rms_norm,
    sequence,
)
from annex_actors.layers.activations.activation import FUNCTIONS

sizes = st.integers(1, 10**6)
epsilons = st.floats(0, 1, exclude_min=True)
layers: st.SearchStrategy[Layer] = st.one_of(
    st.builds(dense, sizes, st.none() | sizes, initializer=st.sampled_from(["auto", "glorot", "he"])),
    st.sampled_from([*FUNCTIONS]).map(activation),
    st.sampled_from(["leaky_relu:0.2", "elu:2", "gelu:tanh", "softplus:2:10"]).map(activation),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda threshold: activation(("relu", threshold))),
    st.floats(0, 1, exclude_max=True).map(dropout),
    st.floats(0, 1, exclude_max=True).map(lambda rate: dropout(rate, spatial=True)),
    st.builds(batch_norm, st.floats(0, 1, exclude_max=True), epsilons, st.booleans(), st.booleans()),
    st.builds(layer_norm, sizes, epsilons, st.booleans(), st.booleans()),
    st.builds(group_norm, sizes, epsilons, st.booleans(), st.booleans()),
    st.builds(rms_norm, epsilons, st.booleans()),
    st.builds(prelu, sizes, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(flatten),
)


@settings(deadline=None, print_blob=True)
@given(st.lists(layers, min_size=1, max_size=8))
def test_the_text_of_any_network_reads_back_as_that_network(chosen: list[Layer]) -> None:
    network = sequence(*chosen)
    assert parse_layers(network.spec()) == network


def test_spaces_separate_layers_and_colons_separate_arguments() -> None:
    expected = sequence(flatten(), dense(128), activation("relu"), dropout(0.1), dense(10))
    assert parse_layers("  flatten dense:128\n relu dropout:0.1   dense:10 ") == expected


def test_a_dense_word_may_have_inputs_or_initializer_or_both() -> None:
    assert parse_layers("dense:3") == sequence(dense(3))
    assert parse_layers("dense:3:4") == sequence(dense(3, 4))
    assert parse_layers("dense:3:he") == sequence(dense(3, initializer="he"))
    assert parse_layers("dense:3:4:he") == sequence(dense(3, 4, initializer="he"))


def test_an_unknown_layer_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError,
        match=r"expected layer 1 to be one of the known layers, got 'xyz:3'; `annex-actors layers` lists them",
    ):
        parse_layers("dense:3 xyz:3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dense", r"expected layer 0 as dense:out_features\[:in_features\]\[:initializer\], got 'dense'"),
        ("dense:", "layer 0, 'dense:': expected `out_features` to be an integer >= 1, got ''"),
        ("dense:0", "layer 0, 'dense:0': expected `out_features` to be an integer >= 1, got 0"),
        ("dense:1.5", "expected `out_features` to be an integer >= 1, got 1.5"),
        ("dense:3:-4", "layer 0, 'dense:3:-4': expected `in_features` to be an integer >= 1, got -4"),
        ("dense:3:xavier", r"expected `initializer` to be one of auto, glorot, .*, annex, got 'xavier'"),
        ("dense:3:he:glorot", "expected `in_features` to be an integer >= 1, got 'he'"),
        ("dense:3:4:he:5", r"expected layer 0 as dense:out_features.*, got 'dense:3:4:he:5'"),
        ("dropout", r"expected layer 0 as dropout:rate\[:spatial=false\], got 'dropout'"),
        ("dropout:1", "layer 0, 'dropout:1': expected `rate` to be a number >= 0 and < 1, got 1"),
        ("relu:low", "layer 0, 'relu:low': expected `threshold` to be a number that is finite, got 'low'"),
        ("relu:nan", "layer 0, 'relu:nan': expected `threshold`"),
        ("tanh:2", "expected layer 0 as tanh, got 'tanh:2'"),
        ("flatten:2", "expected layer 0 as flatten, got 'flatten:2'"),
        ("", 'expected layers such as "dense:128 relu dense:10", got an empty text'),
    ],
)
def test_a_wrong_word_is_named_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_layers(text)
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Scale:
    """A user's own function."""

    factor: float = 2.0

    def __post_init__(self) -> None:
        if self.factor == 0:
            raise ValueError("a factor of 0 passes nothing")

    rectifies = False

    def spec(self) -> str:
        return f"scale:{self.factor!r}"

    def __call__(self, inputs: Floats) -> Floats:
        return inputs * self.factor

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        return grad_output * self.factor


def scale(factor: float = 2.0) -> Activation:
    return Activation(Scale(factor))


def test_a_users_own_layers_are_read_beside_the_built_in_ones() -> None:
    network = parse_layers("dense:3 scale:0.5 relu", {**LAYERS, "scale": scale})
    assert network == sequence(dense(3), scale(0.5), activation("relu"))
    assert "scale" not in LAYERS


def test_a_users_own_layers_are_listed_and_checked_like_the_built_in_ones() -> None:
    with pytest.raises(ConfigError, match=r"got 'scales'; did you mean 'scale'\?"):
        parse_layers("scales", {**LAYERS, "scale": scale})
    with pytest.raises(ConfigError, match=r"expected layer 0 as scale\[:factor\], got 'scale:1:2'"):
        parse_layers("scale:1:2", {**LAYERS, "scale": scale})
    with pytest.raises(ConfigError, match="layer 0, 'scale:0': a factor of 0 passes nothing"):
        parse_layers("scale:0", {**LAYERS, "scale": scale})
