"""The two generated data sets: exclusive or, and the fish."""

from __future__ import annotations

import numpy as np

from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Array, Floats
from annex_actors.data.dataset import Dataset
from annex_actors.data.samples import Samples

FISH = 10_000
"""How many lunges the data set has."""

FISH_FEATURES = ("distance", "angle", "speed", "light", "hunger")

FISH_SEED = 0
"""The seed of the fish and of their split: fixed, so that every run, whatever its seed, trains on the same fish."""

_LOWEST = (0.0, -1.0, 0.0, 0.0, 0.0)
_HIGHEST = (3.0, 1.0, 3.0, 1.0, 1.0)


def xor() -> Dataset:
    """Return the four rows of exclusive or, in two classes; the test set is the training set.

    Source:
        Minsky, Papert (1969), Perceptrons: the smallest set that no linear model learns.
    """
    samples = Samples(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), np.array([0, 1, 1, 0]))
    return Dataset("xor", samples, samples, ("false", "true"), ("a", "b"), "the truth table; tested on what it learns")


def fish() -> Dataset:
    """Return what a school of fish saw: 10,000 lunges at a shrimp, which is caught or escapes.

    No fish can try every lunge itself; it learns from what the others saw. A sample has five numbers, uniform in their
    ranges: the distance to the shrimp (0 to 3 body lengths), its angle to the fish's heading (-1 to 1 radians), the
    fish's speed (0 to 3 body lengths per second), the light (0 dark to 1 bright) and the fish's hunger (0 to 1). A
    lunge lasts half a second, and a hungry fish reaches farther::

        reach = 0.5 + 0.5 * speed + 0.5 * hunger
        miss  = ((distance - reach) / 1.1)**2 + (angle / 1.0)**2 + ((light - 0.5) / 0.8)**2
        caught if miss < 1, else escapes; then 2 % of the outcomes are swapped, which is the shrimp's luck

    A lunge that is too short or too long misses. In the dark the fish cannot see the shrimp; in bright light the shrimp
    sees the fish. Every term is a squared deviation, so that a linear model only guesses (accuracy 0.5) where a small
    network learns (0.95); because of the luck no model exceeds about 0.98. A stratified 2,000 lunges are the test set.
    """
    random = RandomKey(FISH_SEED).generator(Tag.GENERATED_DATA)
    seen = random.uniform(_LOWEST, _HIGHEST, size=(FISH, len(FISH_FEATURES)))
    caught = lunge_catches(seen) ^ (random.random(FISH) < 0.02)
    return Dataset.from_arrays(
        seen,
        np.where(caught, "caught", "escapes"),
        seed=FISH_SEED,
        name="fish",
        feature_names=FISH_FEATURES,
        source=f"generated, seed {FISH_SEED}, 2 % of the outcomes swapped",
    )


def lunge_catches(seen: Floats) -> Array:
    """Return whether each lunge would catch the shrimp without luck, by the rule in the docstring of `fish`.

    Args:
        seen: shape ``(lunges, 5)``, with the columns of `FISH_FEATURES`.

    Returns:
        Booleans, shape ``(lunges,)``.
    """
    distance, angle, speed, light, hunger = seen.T
    reach = 0.5 + 0.5 * speed + 0.5 * hunger
    miss = ((distance - reach) / 1.1) ** 2 + angle**2 + ((light - 0.5) / 0.8) ** 2
    caught: Array = miss < 1
    return caught
