from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.layers import (
    Network,
    activation,
    add,
    concat,
    dense,
    flatten,
    on_stack,
    parse_layers,
    repeat,
    residual,
    sequence,
)
from annex_actors.layers.branches import Fork, Join
from tests.trainings import outputs_of

INPUTS = np.random.default_rng(0).standard_normal((3, 4))


def test_a_residual_block_adds_its_inputs_to_the_outputs_of_its_layers() -> None:
    network = residual(activation("tanh"))
    assert np.array_equal(outputs_of(network, [{}] * 3, INPUTS), INPUTS + np.tanh(INPUTS))


def test_blocks_nest() -> None:
    network = residual(activation("tanh"), residual(activation("sigmoid")))
    inner = np.tanh(INPUTS)
    expected = INPUTS + (inner + 1 / (1 + np.exp(-inner)))
    np.testing.assert_allclose(outputs_of(network, [{}] * len(network.layers), INPUTS), expected, rtol=1e-12)


def test_a_fork_returns_the_same_array_twice() -> None:
    (onward, skipped), _ = Fork().forward_stack((INPUTS,))
    assert onward is INPUTS
    assert skipped is INPUTS


def test_gradients_travel_back_as_the_same_stack_and_the_fork_adds_them() -> None:
    (below,) = Fork().backward_stack(None, (INPUTS, 2 * INPUTS))
    assert np.array_equal(below, 3 * INPUTS)
    assert Join().backward_stack(None, (INPUTS,)) == (INPUTS, INPUTS)


def test_a_layer_in_a_block_works_on_the_top_of_the_stack_only() -> None:
    skip = np.ones((3, 2))
    stack, saved = on_stack(activation("tanh")).forward({}, (INPUTS, skip), None)
    assert stack[1] is skip
    gradients, _ = on_stack(activation("tanh")).backward({}, saved, (INPUTS, skip), True)
    assert gradients[1] is skip


def test_the_text_of_a_block_is_that_of_its_chain() -> None:
    network = parse_layers("dense:8 residual( dense:8 relu residual( tanh ) ) dense:3")
    assert network.spec() == "dense:8 fork dense:8 relu fork tanh join join dense:3"
    assert parse_layers(network.spec()) == network
    assert network.shapes((4,)) == ((4,), *[(8,)] * 8, (3,))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            sequence(dense(4), residual(dense(5))),
            r"layer 3 \(join\) does not fit layer 2 .* of one shape to add, got \(5,\), \(4,\)",
        ),
        (
            sequence(dense(4), Join()),
            r"layer 1 \(join\) does not fit layer 0 .*expected 2 arrays to join, got 1; put",
        ),
        (sequence(Fork(), dense(4)), r"expected as many joins as forks, got 2 arrays after layer 1 \(dense:4\)"),
    ],
)
def test_a_block_that_does_not_fit_is_named(network: Network, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        network.shapes((4,))


def test_a_block_needs_a_layer() -> None:
    with pytest.raises(ConfigError, match="expected `residual` to have at least one layer, got none"):
        residual()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("residual( dense:4", r"expected a '\)' that closes layer 0, 'residual\(', got the end of the text"),
        ("dense:4 )", r"expected layer 1 to follow a word that ends with '\(', got '\)'"),
        ("residual dense:4", r"expected layer 0 as residual\( layers \), got 'residual'"),
        ("dense:4( relu )", r"expected layer 0 as dense:out_features\[:in_features\]\[:initializer\], got 'dense:4\('"),
        ("residual( )", "layer 0, 'residual\\(': expected `residual` to have at least one layer"),
        (
            "residual( relu residul( tanh ) )",
            r"expected layer 2 to be one of .*, got 'residul\('; did you mean 'res",
        ),
    ],
)
def test_a_text_with_unmatched_or_misplaced_parentheses_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_layers(text)


def test_weights_before_a_block_are_drawn_for_the_first_activation_in_it() -> None:
    network = sequence(dense(4), residual(activation("relu"), dense(4)))
    assert network.layers[0] == sequence(dense(4), activation("relu")).layers[0]


def test_a_block_of_flat_samples_may_contain_flatten() -> None:
    assert residual(flatten()).shapes((4,))[-1] == (4,)


def test_branches_are_added_in_their_order() -> None:
    network = add(activation("tanh"), sequence(activation("sigmoid"), activation("tanh")), activation("linear"))
    expected = np.tanh(INPUTS) + np.tanh(1 / (1 + np.exp(-INPUTS))) + INPUTS
    np.testing.assert_allclose(outputs_of(network, [{}] * len(network.layers), INPUTS), expected, rtol=1e-12)


def test_branches_are_laid_side_by_side_in_their_order() -> None:
    network = concat(activation("linear"), activation("tanh"), sequence(activation("sigmoid"), flatten()))
    outputs = outputs_of(network, [{}] * len(network.layers), INPUTS)
    np.testing.assert_allclose(outputs, np.hstack([INPUTS, np.tanh(INPUTS), 1 / (1 + np.exp(-INPUTS))]), rtol=1e-12)


def test_a_branched_network_reads_back_from_its_text_and_nests() -> None:
    network = parse_layers("concat( dense:3 sequence( dense:4 add( linear tanh ) ) ) residual( repeat:2( relu ) )")
    assert network == sequence(
        concat(dense(3), sequence(dense(4), add(activation("linear"), activation("tanh")))),
        residual(activation("relu"), activation("relu")),
    )
    assert parse_layers(network.spec()) == network
    assert network.shapes((5,))[-1] == (7,)


@pytest.mark.parametrize("text", ["add( relu )", "concat( relu )", "add( )"])
def test_fewer_than_two_branches_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"to have several branches, got [01] branch(es)?; `linear`"):
        parse_layers(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("add( dense:3 dense:4 dense:3 )", "expected arrays of one shape to add, got "),
        ("concat( dense:3 sequence( reshape:3:2 ) )", "expected branches that differ in the last axis only, got "),
    ],
)
def test_branches_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        parse_layers(text).shapes((6,))


def test_layers_are_repeated_with_weights_of_their_own() -> None:
    network = repeat(3, dense(4), activation("relu"))
    assert network == sequence(*(dense(4), activation("relu")) * 3)
    first, _, second, *_ = network.initial_parameters((4,), seed=0, dtype=np.dtype(np.float32))
    assert not np.array_equal(first["weight"], second["weight"])


@pytest.mark.parametrize("text", ["repeat:0( relu )", "repeat:2( )", "repeat:9999999( relu )", "repeat( relu )"])
def test_a_repetition_without_layers_or_of_too_many_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"repeat"):
        parse_layers(text)
