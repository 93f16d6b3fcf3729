"""Bytes are those of the arrays that the layers really hold."""

from __future__ import annotations

from annex_actors import activation, dense, freeze, sequence
from annex_actors.profiling import LayerBytes, layer_bytes
from tests.profiling.programs import program

ROWS = 12


def test_of_a_perceptron_each_array_is_counted_once() -> None:
    first, relu, second, cost = layer_bytes(program(layers="dense:5 relu dense:3", optimizer="adam"))
    inputs, hidden, outputs = ROWS * 6 * 4, ROWS * 5 * 4, ROWS * 3 * 4
    assert first.output == relu.output == hidden
    assert second.output == outputs
    assert first.saved == inputs  # what it was given
    assert first.factors == inputs + hidden
    assert relu.saved <= hidden
    assert (first.parameters, second.parameters) == ((6 * 5 + 5) * 4, (5 * 3 + 3) * 4)
    assert first.optimizer == 2 * first.parameters  # two moments
    assert (relu.parameters, relu.optimizer, relu.factors) == (0, 0, 0)
    assert cost == LayerBytes(0, 0, 0, 0, 0)


def test_what_two_layers_hold_counts_at_the_first() -> None:
    one = layer_bytes(program(layers="dense:5 dense:3"))
    two = layer_bytes(program(layers="dense:5 linear dense:3"))
    assert sum(each.saved for each in one) == sum(each.saved for each in two)


def test_a_layer_that_does_not_learn_keeps_nothing_for_its_weight_gradient() -> None:
    frozen = sequence(freeze(dense(5)), activation("relu"), dense(3))
    first, _, second, _ = layer_bytes(program(layers=frozen))
    assert first.factors == 0
    assert second.factors > 0


def test_state_that_no_gradient_changes_counts_with_the_parameters() -> None:
    _, norm, _, _ = layer_bytes(program(layers="dense:5 batch_norm dense:3"))
    assert norm.parameters == 4 * 5 * 4  # scale, shift, mean, variance
