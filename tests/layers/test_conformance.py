"""Every layer in the table keeps the promises of the protocol; a new layer is one more line."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.types import Shape
from annex_actors.layers import (
    LAYERS,
    Layer,
    StackLayer,
    activation,
    annex_dense,
    dense,
    dropout,
    flatten,
    parse_layers,
    permute,
    reshape,
    residual,
)
from annex_actors.layers.branches import Concatenate, Fork, Join, Rotate
from annex_actors.layers.parse import encloses
from annex_actors.testing import check_layer, check_stack_layer
from tests.layers.activations import examples as activations
from tests.layers.images import examples as images
from tests.layers.norms import examples as norms
from tests.layers.sequences import examples as sequences
from tests.own_layers import LowRank, Norm

EXAMPLES: list[tuple[Layer, Shape]] = [
    *activations.EXAMPLES,
    *norms.EXAMPLES,
    (dense(3), (4,)),
    (dense(1), (1,)),
    (dense(3, 4), (4,)),
    (dense(3), (2, 4)),
    (dense(2), (3, 2, 4)),
    (dense(3, initializer="glorot"), (4,)),
    (dense(3, 4, initializer="he"), (4,)),
    (dense(2, weights=np.arange(6).reshape(3, 2), biases=[1, -1]), (3,)),
    (dropout(0.0), (5,)),
    (dropout(0.4), (5,)),
    (dropout(0.4), (2, 3)),
    (dropout(0.4, spatial=True), (3,)),
    (dropout(0.4, spatial=True), (2, 3, 2)),
    (flatten(), (5,)),
    (flatten(), (2, 3)),
    (flatten(), (2, 3, 2)),
    (reshape(3, 2), (6,)),
    (reshape(2, -1, 1), (3, 4)),
    (permute(1), (4,)),
    (permute(2, 1), (3, 4)),
    (permute(3, 1, 2), (3, 4, 2)),
    *images.EXAMPLES,
    *sequences.EXAMPLES,
]

RULES: list[tuple[Layer, Shape]] = [
    (activation("step"), (5,)),
    (annex_dense(3, "sigmoid"), (4,)),
]
"""Layers that learn by a rule of their own, not by the gradient."""

STACK_EXAMPLES: list[tuple[StackLayer, tuple[Shape, ...]]] = [
    (Fork(), ((5,),)),
    (Fork(), ((2, 3),)),
    (Join(), ((5,), (5,))),
    (Join(), ((2, 3), (2, 3))),
    (Fork(3), ((5,),)),
    (Join(3), ((5,), (5,), (5,))),
    (Rotate(), ((5,), (2, 3))),
    (Rotate(3), ((5,), (2, 3), (1,))),
    (Concatenate(), ((5,), (3,))),
    (Concatenate(3), ((2, 5), (2, 3), (2, 1))),
    *sequences.STACK_EXAMPLES,
]


@pytest.mark.parametrize(
    ("layer", "input_shape"), EXAMPLES, ids=[f"{layer.spec()}-{shape}" for layer, shape in EXAMPLES]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_layer_keeps_its_promises(layer: Layer, input_shape: Shape, seed: int) -> None:
    check_layer(layer, input_shape, seed=seed)


@pytest.mark.parametrize(("layer", "input_shape"), RULES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_layer_with_a_rule_of_its_own_keeps_its_other_promises(layer: Layer, input_shape: Shape, seed: int) -> None:
    check_layer(layer, input_shape, seed=seed, gradients=False)


@pytest.mark.parametrize(("layer", "input_shape"), [(Norm(), (3,)), (LowRank(2, 3), (4,))])
def test_the_layers_defined_for_tests_keep_their_promises(layer: Layer, input_shape: Shape) -> None:
    check_layer(layer, input_shape, constructors={**LAYERS, "norm": Norm, "low_rank": LowRank})


@pytest.mark.parametrize(("layer", "input_shapes"), STACK_EXAMPLES)
def test_a_layer_on_a_stack_keeps_its_promises(layer: StackLayer, input_shapes: tuple[Shape, ...]) -> None:
    check_stack_layer(layer, input_shapes)


def test_every_layer_in_the_table_is_checked() -> None:
    checked = {layer.name for layer, _ in (*EXAMPLES, *RULES)} | {layer.name for layer, _ in STACK_EXAMPLES}
    checked |= {"torch_module"}  # where torch is: tests/layers/native
    assert checked | {name for name, made in LAYERS.items() if encloses(made)} == set(LAYERS)


def test_a_word_that_encloses_layers_stands_for_layers_in_the_table() -> None:
    assert parse_layers("residual( dense:4 relu )") == residual(dense(4), activation("relu"))


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_in_the_table_says_in_one_line_what_it_does(name: str) -> None:
    documentation = LAYERS[name].__doc__
    assert documentation is not None
    assert len(documentation.splitlines()[0]) > 20
