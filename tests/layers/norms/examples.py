"""Norms with shapes of samples, for the conformance tests."""

from __future__ import annotations

from annex_actors.base.types import Shape
from annex_actors.layers import Layer, batch_norm, group_norm, layer_norm, rms_norm

EXAMPLES: list[tuple[Layer, Shape]] = [
    (batch_norm(), (3,)),
    (batch_norm(), (3, 2, 2)),
    (batch_norm(momentum=0.5, epsilon=0.1), (2, 3)),
    (batch_norm(scale=False), (3,)),
    (batch_norm(center=False), (2, 3)),
    (batch_norm(scale=False, center=False), (3,)),
    (layer_norm(), (5,)),
    (layer_norm(), (2, 3)),
    (layer_norm(axes=2), (2, 3)),
    (layer_norm(axes=2, scale=False), (2, 2, 3)),
    (layer_norm(epsilon=0.1, center=False), (2, 3)),
    (group_norm(1), (4,)),
    (group_norm(2), (3, 4)),
    (group_norm(4), (2, 3, 4)),
    (group_norm(2, scale=False), (3, 4)),
    (group_norm(3, epsilon=0.1, center=False), (2, 6)),
    (rms_norm(), (5,)),
    (rms_norm(), (2, 3)),
    (rms_norm(epsilon=0.1, scale=False), (2, 3)),
]
