from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers import (
    LAYERS,
    Factors,
    Layer,
    Network,
    Saved,
    Stack,
    Weighted,
    activation,
    dense,
    dropout,
    flatten,
    on_stack,
    sequence,
)
from annex_actors.peers.stage_work import side_by_side
from annex_actors.testing import check_layer

FLOAT64 = np.dtype(np.float64)


def forward(network: Network, parameters: tuple[Parameters, ...], inputs: Floats) -> tuple[list[Floats], list[object]]:
    """Return the inputs of every layer and the outputs of the last layer, and what every layer saved."""
    passed, saved = [inputs], []
    for layer, own in zip(network.layers, parameters, strict=True):
        (outputs,), kept = on_stack(layer).forward(own, (passed[-1],), RandomKey(0))
        passed.append(outputs)
        saved.append(kept)
    return passed, saved


def test_shapes_are_those_before_between_and_after_the_layers() -> None:
    network = sequence(flatten(), dense(128), activation("relu"), dense(10))
    assert network.shapes((28, 28)) == ((28, 28), (784,), (128,), (128,), (10,))


def test_sequences_in_sequences_are_flattened_in_order() -> None:
    hidden = sequence(dense(8), activation("relu"))
    assert sequence(flatten(), sequence(hidden, hidden), dense(1)).spec() == "flatten dense:8 relu dense:8 relu dense:1"


def test_a_nested_dense_layer_learns_of_the_relu_that_follows_outside() -> None:
    assert sequence(sequence(dense(8)), activation("relu")) == sequence(dense(8), activation("relu"))


def test_layers_that_do_not_fit_are_named_with_both_shapes() -> None:
    network = sequence(dense(128), activation("relu"), dense(10, 64))
    with pytest.raises(
        ShapeError,
        match=r"^layer 2 \(dense:10:64\) does not fit layer 1 \(relu\), which gives samples of shape \(128,\): "
        r"expected samples of shape \(..., 64\), got \(128,\); give in_features=128 or leave it out$",
    ):
        network.shapes((784,))


def test_a_first_layer_that_does_not_fit_the_data_says_so() -> None:
    with pytest.raises(
        ShapeError, match=r"^layer 0 \(dense:10:784\) does not fit the data, .* \(28, 28\): .*flatten\(\)"
    ):
        sequence(dense(10, 784)).shapes((28, 28))


@pytest.mark.parametrize("input_shape", [(0,), (3, -1), (2.5,)])
def test_samples_without_numbers_are_refused(input_shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="expected `input_shape` to be an integer >= 1"):
        sequence(dense(10)).shapes(input_shape)


def test_initial_parameters_depend_on_the_index_in_the_whole_network() -> None:
    short = sequence(dense(5), dense(5)).initial_parameters((5,), seed=3, dtype=FLOAT64)
    longer = sequence(dense(5), dense(5), dense(5)).initial_parameters((5,), seed=3, dtype=FLOAT64)
    assert all(np.array_equal(one["weight"], other["weight"]) for one, other in zip(short, longer, strict=False))
    assert not np.isclose(short[0]["weight"], short[1]["weight"]).any()


def test_initial_parameters_change_with_the_seed() -> None:
    one, other = (sequence(dense(5)).initial_parameters((5,), seed=seed, dtype=FLOAT64)[0] for seed in (3, 4))
    assert not np.isclose(one["weight"], other["weight"]).any()


def test_layers_without_parameters_have_none() -> None:
    network = sequence(flatten(), dense(3), activation("relu"), dropout(0.1))
    parameters = network.initial_parameters((2, 2), seed=0, dtype=FLOAT64)
    assert [sorted(own) for own in parameters] == [[], ["bias", "weight"], [], []]


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected `sequence` to have at least one layer, got none"):
        sequence()


@pytest.mark.parametrize("wrong", ["relu", 3, None, dense, [dense(3)]])
def test_an_argument_that_is_not_a_layer_is_refused_with_its_position(wrong: Layer) -> None:
    with pytest.raises(ConfigError, match="expected argument 1 of `sequence` to be a layer or a network, got"):
        sequence(dense(3), wrong)


def test_a_class_of_layers_is_not_a_layer() -> None:
    with pytest.raises(ConfigError, match="expected argument 0 of `sequence`"):
        sequence(type(dense(3)))  # type: ignore[arg-type]


class Negated:
    """A user's own layer, without a base class."""

    name = "negated"

    def spec(self) -> str:
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return -inputs, None

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats, Factors]:
        return -grad_output, ()


def test_any_object_that_has_the_members_of_a_layer_is_one() -> None:
    network = sequence(dense(3), Negated())
    assert network.spec() == "dense:3 negated"
    check_layer(Negated(), (3,), constructors={**LAYERS, "negated": Negated})


@settings(deadline=None, print_blob=True, max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_any_split_into_microbatches_gives_the_gradients_of_the_batch(sizes: list[int]) -> None:
    network = sequence(dense(6), activation("tanh"), dense(4), activation("softmax"))
    parameters = network.initial_parameters((3,), seed=0, dtype=FLOAT64)
    generator = np.random.default_rng(1)
    inputs, cotangent = generator.standard_normal((sum(sizes), 3)), generator.standard_normal((sum(sizes), 4))
    whole = gradients(network, parameters, inputs, cotangent, [sum(sizes)])
    split = gradients(network, parameters, inputs, cotangent, sizes)
    for one, other in zip(whole, split, strict=True):
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-9, atol=1e-12)


def gradients(
    network: Network, parameters: tuple[Parameters, ...], inputs: Floats, cotangent: Floats, sizes: list[int]
) -> list[dict[str, Floats]]:
    """Return every layer's weight gradient as the pipeline computes it: once, from all microbatches together."""
    edges = np.cumsum(sizes)[:-1]
    kept: dict[int, list[Factors]] = {index: [] for index in range(len(network.layers))}
    for rows, cotangents in zip(np.split(inputs, edges), np.split(cotangent, edges), strict=True):
        _, saved = forward(network, parameters, rows)
        stack: Stack = (cotangents,)
        for index in reversed(range(len(network.layers))):
            layer = on_stack(network.layers[index])
            stack, factors = layer.backward(parameters[index], saved[index], stack, True)
            kept[index].append(factors)
    return [
        layer.weight_gradient(side_by_side(kept[index]))
        for index, layer in enumerate(network.layers)
        if isinstance(layer, Weighted)
    ]
