"""The estimate of a layer's work depends on shapes alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Parameters, Shape
from annex_actors.layers import Dense, Network, activation, dense, dropout, flatten, sequence
from annex_actors.placement import layer_work, network_work
from annex_actors.placement.work import PASS


def parameters(network: Network, input_shape: Shape, seed: int = 0) -> tuple[Parameters, ...]:
    return network.initial_parameters(input_shape, seed=seed, dtype=np.dtype(np.float32))


def work(network: Network, input_shape: Shape) -> tuple[int, ...]:
    return network_work(network, input_shape, parameters(network, input_shape))


def test_a_layer_multiplies_and_adds_every_parameter_in_each_of_three_products() -> None:
    network = sequence(activation("relu"), dense(3))
    assert work(network, (4,))[1] == 3 * 2 * (4 * 3 + 3) + 2 * PASS * 3


def test_the_first_layer_has_one_product_less() -> None:
    later = work(sequence(activation("relu"), dense(3)), (4,))[1]
    assert later - work(sequence(dense(3)), (4,))[0] == 2 * (4 * 3 + 3)


def test_a_layer_without_parameters_passes_over_its_outputs_forward_and_backward() -> None:
    assert layer_work(0, (2, 3)) == 2 * PASS * 6


def test_the_work_of_a_network_is_that_of_each_layer_and_of_the_cost() -> None:
    network = sequence(flatten(), dense(5), activation("relu"), dropout(0.1), dense(3))
    assert work(network, (2, 2)) == (
        layer_work(0, (4,), is_first=True),
        layer_work(4 * 5 + 5, (5,)),
        layer_work(0, (5,)),
        layer_work(0, (5,)),
        layer_work(5 * 3 + 3, (3,)),
        layer_work(0, (3,)),
    )


@dataclass(frozen=True)
class MeetsEachWeightTwice(Dense):
    """A layer that estimates its own work, as a convolution would."""

    def work(self, input_shape: Shape) -> int:
        return 2 * input_shape[0] * self.out_features


def test_the_estimate_of_a_layer_itself_is_used() -> None:
    network = sequence(activation("relu"), MeetsEachWeightTwice(3))
    assert work(network, (4,))[1] == layer_work(2 * 4 * 3, (3,))


def test_work_depends_on_shapes_alone() -> None:
    network = sequence(dense(5), activation("tanh"), dense(3))
    one, other = (network_work(network, (4,), parameters(network, (4,), seed)) for seed in (0, 1))
    assert one == other


def test_a_wide_layer_outweighs_the_function_that_follows_it() -> None:
    network = sequence(dense(1024), activation("relu"))
    wide, relu, _ = network_work(network, (1024,), parameters(network, (1024,)))
    assert wide > 50 * relu


def test_layers_that_do_not_fit_are_named() -> None:
    network = sequence(dense(5), dense(3, in_features=4))
    with pytest.raises(ShapeError, match="layer 1"):
        network_work(network, (4,), ({}, {}))
