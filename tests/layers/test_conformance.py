"""Every layer keeps the promises of the protocol; a new layer is one more line."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.types import Shape
from annex_actors.layers import Layer, activation, dense, dropout, flatten
from annex_actors.testing import check_layer

LAYERS: list[tuple[Layer, Shape]] = [
    (dense(3), (4,)),
    (dense(1), (1,)),
    (dense(3, 4), (4,)),
    (dense(3, initializer="glorot"), (4,)),
    (dense(3, 4, initializer="he"), (4,)),
    (dense(2, weights=np.arange(6).reshape(3, 2), biases=[1, -1]), (3,)),
    (activation("relu"), (5,)),
    (activation(("relu", 0.5)), (5,)),
    (activation(("relu", -0.25)), (5,)),
    (activation("sigmoid"), (5,)),
    (activation("tanh"), (5,)),
    (activation("softmax"), (5,)),
    (activation("linear"), (5,)),
    (activation("tanh"), (2, 3)),
    (activation("softmax"), (2, 3)),
    (dropout(0.0), (5,)),
    (dropout(0.4), (5,)),
    (dropout(0.4), (2, 3)),
    (flatten(), (5,)),
    (flatten(), (2, 3)),
    (flatten(), (2, 3, 2)),
]


@pytest.mark.parametrize(("layer", "input_shape"), LAYERS, ids=[f"{layer.spec()}-{shape}" for layer, shape in LAYERS])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_layer_keeps_its_promises(layer: Layer, input_shape: Shape, seed: int) -> None:
    check_layer(layer, input_shape, seed=seed)
