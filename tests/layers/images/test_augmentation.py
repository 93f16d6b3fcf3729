"""Augmentation changes samples as the key says while training, and not at all when predicting."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Shape
from annex_actors.layers import Layer, parse_layers
from annex_actors.layers.images import cutout, gaussian_noise, random_crop, random_flip, random_shift

KEY = RandomKey(0, layer=1, step=2, microbatch=3)

LAYERS: list[Layer] = [
    random_flip(),
    random_flip("vertical"),
    random_shift(2),
    random_crop(4, padding=1),
    cutout(2),
    gaussian_noise(1),
]

IMAGES = np.arange(1, 64 * 16 + 1, dtype=np.float32).reshape(64, 4, 4, 1)
"""No two numbers are equal, and none is 0."""


def images(layer: Layer, key: RandomKey | None = KEY, inputs: Floats = IMAGES) -> Floats:
    return layer.forward({}, inputs, key)[0]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("other", [{"seed": 1}, {"layer": 2}, {"step": 3}, {"microbatch": 0}])
def test_the_key_decides(layer: Layer, other: dict[str, int]) -> None:
    given = {"seed": 0, "layer": 1, "step": 2, "microbatch": 3}
    assert images(layer).tobytes() == images(layer, RandomKey(**given)).tobytes()
    assert images(layer).tobytes() != images(layer, RandomKey(**{**given, **other})).tobytes()


@pytest.mark.parametrize("layer", LAYERS)
def test_a_prediction_changes_nothing(layer: Layer) -> None:
    np.testing.assert_array_equal(images(layer, None), IMAGES)


def test_about_half_of_the_images_are_flipped_and_the_others_stay() -> None:
    for layer, mirrored in ((random_flip(), IMAGES[:, :, ::-1]), (random_flip("vertical"), IMAGES[:, ::-1])):
        flipped = images(layer)
        is_flipped = (flipped == mirrored).all(axis=(1, 2, 3))
        is_same = (flipped == IMAGES).all(axis=(1, 2, 3))
        assert (is_flipped ^ is_same).all()
        assert 16 < is_flipped.sum() < 48


def test_images_are_shifted_in_all_directions_by_at_most_so_many_pixels() -> None:
    padded = np.pad(IMAGES, ((0, 0), (1, 1), (2, 2), (0, 0)))
    shifted = images(random_shift((1, 2)))
    found = set()
    for before, after in zip(padded, shifted, strict=True):
        places = [(i, j) for i in range(3) for j in range(5) if np.array_equal(before[i : i + 4, j : j + 4], after)]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 15


def test_a_crop_is_a_rectangle_of_the_image_and_when_predicting_the_one_in_the_centre() -> None:
    crops = images(random_crop((2, 3)))
    assert crops.shape == (64, 2, 3, 1)
    corners = crops[:, 0, 0, 0].astype(int) - np.arange(1, 64 * 16, 16)
    assert set(corners.tolist()) == {row * 4 + column for row in range(3) for column in range(2)}
    np.testing.assert_array_equal(images(random_crop(2), None), IMAGES[:, 1:3, 1:3])


def test_cutout_sets_one_rectangle_to_zero_of_which_a_part_may_lie_outside() -> None:
    cut = images(cutout(2)) == 0
    counts = cut.sum(axis=(1, 2, 3))
    assert set(counts.tolist()) == {1, 2, 4}
    rows, columns = cut.any(axis=(2, 3)).sum(axis=1), cut.any(axis=(1, 3)).sum(axis=1)
    assert (rows * columns == counts).all()


def test_the_noise_is_normal() -> None:
    noise = images(gaussian_noise(3.0), inputs=np.zeros((50, 400)))
    assert (abs(noise.mean()), noise.std()) == pytest.approx((0, 3), abs=0.05)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("random_flip:up", "expected `direction` to be one of horizontal, vertical, got 'up'"),
        ("random_shift:-1", "expected `pixels` to be an integer >= 0, got -1"),
        ("random_crop:0", "expected `size` to be an integer >= 1, got 0"),
        ("random_crop:4:padding=-1", "expected `padding` to be an integer >= 0, got -1"),
        ("cutout:0", "expected `size` to be an integer >= 1, got 0"),
        ("gaussian_noise:-1", "expected `stddev` to be a number >= 0, got -1"),
    ],
)
def test_bad_settings(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_layers(text)


@pytest.mark.parametrize("shape", [(4,), (4, 4), (4, 4, 4, 4)])
@pytest.mark.parametrize("layer", [each for each in LAYERS if each.name != "gaussian_noise"])
def test_samples_that_are_no_images(layer: Layer, shape: Shape) -> None:
    with pytest.raises(ShapeError, match=r"expected samples of shape \(height, width, channels\), got"):
        layer.output_shape(shape)


def test_a_crop_larger_than_the_image() -> None:
    with pytest.raises(ShapeError, match=r"expected images of at least 5x5 to crop, got \(4, 8, 1\)$"):
        random_crop(5).output_shape((4, 8, 1))
    with pytest.raises(ShapeError, match=r"to crop, got \(4, 8, 1\), with padding 6x10$"):
        random_crop(8, padding=1).output_shape((4, 8, 1))
