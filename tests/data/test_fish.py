from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from annex_actors.base.types import Array, Floats
from annex_actors.data import Dataset, load
from annex_actors.data.generated import lunge_catches


@pytest.fixture(scope="module")
def fish() -> Dataset:
    return load("fish")


def outcomes_without_luck(fish: Dataset, inputs: Floats) -> Array:
    assert fish.classes is not None
    return np.where(
        lunge_catches(inputs.astype(np.float64)), fish.classes.index("caught"), fish.classes.index("escapes")
    )


def lunge(
    distance: float = 1.0, angle: float = 0.0, speed: float = 1.0, light: float = 0.5, hunger: float = 0.0
) -> bool:
    return bool(lunge_catches(np.array([[distance, angle, speed, light, hunger]]))[0])


def test_the_fish_are_the_same_every_time(fish: Dataset) -> None:
    again = load("fish", seed=7)
    assert np.array_equal(fish.train.inputs, again.train.inputs)
    assert np.array_equal(fish.train.targets, again.train.targets)


def test_a_lunge_that_reaches_exactly_to_the_shrimp_catches_it() -> None:
    assert lunge(distance=1.0, speed=1.0)


@pytest.mark.parametrize(
    "change",
    [{"distance": 2.2}, {"speed": 3.0, "hunger": 0.7}, {"angle": 1.0}, {"angle": -1.0}, {"light": 1.0, "angle": 0.8}],
)
def test_too_short_too_long_aside_or_in_bright_light_it_escapes(change: dict[str, float]) -> None:
    assert not lunge(**change)


def test_a_hungry_fish_reaches_farther() -> None:
    assert not lunge(distance=2.2)
    assert lunge(distance=2.2, hunger=1.0)


def test_two_in_a_hundred_outcomes_are_luck(fish: Dataset) -> None:
    halves = (fish.train, fish.test)
    swapped = sum(int(np.sum(outcomes_without_luck(fish, half.inputs) != half.targets)) for half in halves)
    assert 0.015 < swapped / 10_000 < 0.025


def test_half_of_the_shrimps_are_caught(fish: Dataset) -> None:
    assert abs(fish.train.targets.mean() - 0.5) < 0.05


def test_a_linear_model_only_guesses(fish: Dataset) -> None:
    linear = LogisticRegression().fit(fish.train.inputs, fish.train.targets)
    assert linear.score(fish.test.inputs, fish.test.targets) < 0.6
