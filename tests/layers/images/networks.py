"""Small networks with each layer for images: text, shape of a sample, and how many indices there are, or 0."""

from __future__ import annotations

from annex_actors.base.types import Shape

NETWORKS: list[tuple[str, Shape, int]] = [
    ("conv2d:2:2 relu residual( conv2d:2:3:padding=same relu ) max_pool2d:2 flatten dense:3", (5, 5, 1), 0),
    (
        "conv2d:4:3:stride=2:padding=same:groups=2 tanh conv2d:4:2:groups=4 avg_pool2d:2:1 global_avg_pool dense:3",
        (6, 5, 2),
        0,
    ),
    ("conv1d:3:2 relu max_pool1d:2 conv1d:2:2:dilation=2:padding=same avg_pool1d:2 global_max_pool dense:3", (9, 2), 0),
    (
        "random_shift:1 random_flip random_crop:3:padding=1 cutout:1 gaussian_noise:0.1 conv2d:2:2 flatten dense:3",
        (4, 4, 1),
        0,
    ),
]
