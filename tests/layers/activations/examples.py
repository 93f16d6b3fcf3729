"""Activation layers with shapes of samples, for the conformance tests."""

from __future__ import annotations

from annex_actors.base.types import Shape
from annex_actors.layers import Layer, activation, prelu

EXAMPLES: list[tuple[Layer, Shape]] = [
    (activation("relu"), (5,)),
    (activation(("relu", 0.5)), (5,)),
    (activation(("relu", -0.25)), (5,)),
    (activation("leaky_relu"), (5,)),
    (activation("leaky_relu:0.3"), (2, 3)),
    (activation("leaky_relu:0"), (5,)),
    (activation("elu"), (5,)),
    (activation("elu:2.5"), (2, 3)),
    (activation("gelu"), (5,)),
    (activation("gelu:tanh"), (2, 3)),
    (activation("silu"), (5,)),
    (activation("softplus"), (5,)),
    (activation("softplus:3:0.5"), (2, 3)),
    (activation("sigmoid"), (5,)),
    (activation("tanh"), (5,)),
    (activation("tanh"), (2, 3)),
    (activation("softmax"), (5,)),
    (activation("softmax"), (2, 3)),
    (activation("log_softmax"), (5,)),
    (activation("log_softmax"), (2, 3)),
    (activation("linear"), (5,)),
    (prelu(), (5,)),
    (prelu(init=-0.5), (2, 3)),
    (prelu(3), (2, 3)),
]
