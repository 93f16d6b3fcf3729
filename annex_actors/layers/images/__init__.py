"""Layers for images, of shape ``(height, width, channels)``, and for sequences, of shape ``(length, channels)``.

Read the modules in this order:

1. `conv`: the convolutional layers; `groups`, `convolution` and `depthwise` compute them;
2. `pooling` and `global_pooling`;
3. `augmentation` and `crops`: layers that change images at random while training.

Where windows lie in an image is in `annex_actors.layers.windows`, which kernels share.

>>> conv2d(16, 3, padding="same").output_shape((28, 28, 1))
(28, 28, 16)
>>> max_pool2d(2).output_shape((28, 28, 16))
(14, 14, 16)
"""

from collections.abc import Mapping
from types import MappingProxyType

from annex_actors.layers.images.augmentation import (
    Cutout,
    GaussianNoise,
    RandomFlip,
    cutout,
    gaussian_noise,
    random_flip,
)
from annex_actors.layers.images.conv import Conv1d, Conv2d, conv1d, conv2d
from annex_actors.layers.images.crops import RandomCrop, RandomShift, random_crop, random_shift
from annex_actors.layers.images.global_pooling import GlobalAvgPool, GlobalMaxPool, global_avg_pool, global_max_pool
from annex_actors.layers.images.pooling import (
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from annex_actors.layers.layer import Layer

IMAGE_LAYERS: Mapping[str, type[Layer]] = MappingProxyType(
    {
        "conv1d": Conv1d,
        "conv2d": Conv2d,
        "max_pool1d": MaxPool1d,
        "max_pool2d": MaxPool2d,
        "avg_pool1d": AvgPool1d,
        "avg_pool2d": AvgPool2d,
        "global_avg_pool": GlobalAvgPool,
        "global_max_pool": GlobalMaxPool,
        "random_flip": RandomFlip,
        "random_shift": RandomShift,
        "random_crop": RandomCrop,
        "cutout": Cutout,
        "gaussian_noise": GaussianNoise,
    }
)
"""The layers here by name, as written in a network's text."""

__all__ = [
    "IMAGE_LAYERS",
    "AvgPool1d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "Cutout",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "MaxPool1d",
    "MaxPool2d",
    "RandomCrop",
    "RandomFlip",
    "RandomShift",
    "avg_pool1d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "cutout",
    "gaussian_noise",
    "global_avg_pool",
    "global_max_pool",
    "max_pool1d",
    "max_pool2d",
    "random_crop",
    "random_flip",
    "random_shift",
]
