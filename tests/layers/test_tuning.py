from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.layers import (
    Network,
    Tuning,
    activation,
    dense,
    flatten,
    freeze,
    l1,
    l2,
    learning_rate,
    parse_layers,
    residual,
    sequence,
)


def test_a_network_says_how_its_layers_learn_and_its_text_makes_it_again() -> None:
    network = parse_layers("freeze( dense:8 relu ) learning_rate:0.1( dense:8 l2:0.001( dense:3 ) ) softmax")
    assert network.spec() == (
        "freeze( dense:8 relu ) learning_rate:0.1( dense:8 ) learning_rate:0.1( l2:0.001( dense:3 ) ) softmax"
    )
    assert network == sequence(
        freeze(dense(8), activation("relu")),
        learning_rate(0.1, dense(8), l2(0.001, dense(3))),
        activation("softmax"),
    )


PARTS = st.recursive(
    st.sampled_from(["dense:4", "relu", "fork tanh join", "dropout:0.5"]),
    lambda inner: st.tuples(
        st.sampled_from(["freeze(", "learning_rate:0.1(", "learning_rate:3(", "l1:0.2(", "l2:1e-05(", "residual("]),
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
    ).map(lambda each: f"{each[0]} {each[1]} )"),
    max_leaves=8,
)


@given(st.lists(PARTS, min_size=1, max_size=4).map(" ".join))
def test_the_text_of_any_network_makes_it_again(text: str) -> None:
    network = parse_layers(text)
    assert parse_layers(network.spec()) == network


def test_settings_combine_from_the_inside_out() -> None:
    network = learning_rate(0.5, l1(1, l1(2, learning_rate(0.1, dense(3)))), freeze(l2(3, dense(3))))
    assert network.tunings == (Tuning(learning_rate=0.05, l1=3), Tuning(learning_rate=0.5, frozen=True, l2=3))


def test_a_network_in_which_all_layers_learn_alike_is_what_it_was() -> None:
    network = learning_rate(1, l1(0, dense(3), activation("relu")))
    assert network == sequence(dense(3), activation("relu"))
    assert network.tuning == ()
    assert network.spec() == "dense:3 relu"


def test_initial_weights_still_depend_on_the_next_activation() -> None:
    tuned = sequence(freeze(dense(3)), activation("relu"))
    assert tuned.layers == sequence(dense(3), activation("relu")).layers


def test_kernels_change_no_settings() -> None:
    assert freeze(dense(3)).with_kernels("numpy") == freeze(dense(3))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("dense:3 dense:3", 0),
        ("flatten dense:3", 1),
        ("flatten freeze( dense:3 relu ) dense:3", 3),
        ("freeze( dense:3 )", 0),
        ("relu", 0),
    ],
)
def test_below_the_first_layer_that_learns_no_gradient_is_needed(text: str, first: int) -> None:
    assert parse_layers(text).first_learner == first


WEIGHTS = {"weight": np.array([[1.0, -2.0], [0.0, 3.0]], np.float32), "bias": np.array([5.0, 7.0], np.float32)}


def test_a_penalty_is_of_the_weights_and_not_of_the_biases() -> None:
    assert Tuning(l1=0.5).penalty(WEIGHTS) == 3.0
    assert Tuning(l2=0.5).penalty(WEIGHTS) == 7.0
    gradients = {name: np.zeros_like(each) for name, each in WEIGHTS.items()}
    Tuning(l1=0.5, l2=0.25).add_penalty_gradients(WEIGHTS, gradients)
    assert gradients["weight"].tolist() == [[1.0, -1.5], [0.0, 2.0]]
    assert gradients["weight"].dtype == np.float32
    assert gradients["bias"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("freeze( )", "layer 0, 'freeze[(]': expected `freeze` to have at least one layer, got none"),
        ("learning_rate:0( dense:3 )", "layer 0, .*expected `factor` to be a number > 0, got 0"),
        ("learning_rate( dense:3 )", "expected `factor` to be a number > 0, got Dense"),
        ("l2:-1( dense:3 )", "expected `penalty` to be a number >= 0, got -1"),
        ("l1:much( dense:3 )", "expected `penalty` to be a number >= 0, got 'much'"),
        ("dense:3 freeze", "expected layer 1 as freeze[(] layers [)], got 'freeze'"),
    ],
)
def test_wrong_settings_are_refused_with_their_word(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_layers(text)


def test_settings_of_more_or_fewer_layers_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected `tuning` of 2 layers, got 1"):
        Network((dense(3), flatten()), (Tuning(frozen=True),))


def test_a_block_may_be_within_and_around() -> None:
    assert residual(freeze(dense(3))).tunings[1].frozen
    assert all(each.frozen for each in freeze(residual(dense(3))).tunings)
