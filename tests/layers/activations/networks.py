"""Small networks with each activation: text, shape of a sample, and how many indices there are, or 0."""

from __future__ import annotations

from annex_actors.base.types import Shape

NETWORKS: list[tuple[str, Shape, int]] = [
    ("dense:6 leaky_relu dense:5 elu dense:5 gelu dense:5 prelu dense:3", (4,), 0),
    ("dense:6 silu dense:6 prelu:6:init=0.1 dense:5 softplus:beta=2 dense:3 log_softmax", (4,), 0),
    ("dense:6 gelu:tanh dense:5 relu:0.1 residual( dense:5 tanh ) sigmoid dense:3 softmax", (4,), 0),
]
