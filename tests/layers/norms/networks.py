"""Small networks with each norm: text, shape of a sample, and how many indices there are, or 0."""

from __future__ import annotations

from annex_actors.base.types import Shape

NETWORKS: list[tuple[str, Shape, int]] = [
    ("dense:6 batch_norm relu dense:6 batch_norm:momentum=0.3:center=false flatten dense:3", (2, 4), 0),
    ("dense:6 layer_norm gelu residual( layer_norm:scale=false dense:6 tanh ) dense:3", (4,), 0),
    ("dense:6 rms_norm silu flatten dense:3", (2, 4), 0),
    ("dense:6 group_norm:2 relu batch_norm residual( group_norm:6 dense:6 ) flatten dense:3", (2, 4), 0),
    ("layer_norm:axes=2 dense:4 dropout:0.3:spatial=true flatten dense:3", (3, 4), 0),
]
