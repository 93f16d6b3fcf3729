"""Every cost keeps the promises of the protocol; a new cost is one more line."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.types import Array, Shape
from annex_actors.costs import COSTS, cost
from annex_actors.testing import check_cost

DISTRIBUTIONS = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [0.1, 0.1, 0.8]])
NUMBERS = np.array([[0.5, -2.0], [1.0, 3.0], [0.25, 0.0]])

CASES: list[tuple[str, Shape, Array]] = [
    ("mean_squared_error", (3,), np.array([0, 2, 1, 0])),
    ("mean_squared_error", (1,), np.array([0.5, -2.0, 1.0])),
    ("mean_squared_error", (2,), np.array([[0.5, -2.0], [1.0, 3.0], [0.0, 0.0]])),
    ("mean_squared_error", (2, 2), np.arange(12.0).reshape(3, 2, 2)),
    ("softmax_cross_entropy", (2,), np.array([0, 1, 1])),
    ("softmax_cross_entropy", (3,), np.array([0, 2, 1, 0])),
    ("softmax_cross_entropy", (3,), np.eye(3)[[0, 2, 1, 0]]),
    ("sigmoid_cross_entropy", (1,), np.array([0, 1, 1])),
    ("sigmoid_cross_entropy", (1,), np.array([0.25, 1.0, 0.0])),
    ("sigmoid_cross_entropy", (3,), np.array([0, 2, 1, 0])),
    ("sigmoid_cross_entropy", (2,), np.array([[True, False], [True, True], [False, False]])),
    ("sigmoid_cross_entropy:label_smoothing=0.2", (2,), np.array([[True, False], [True, True], [False, False]])),
    ("softmax_cross_entropy", (3,), DISTRIBUTIONS),
    ("softmax_cross_entropy:0.1", (3,), np.array([0, 2, 1, 0])),
    ("softmax_cross_entropy:label_smoothing=0.1", (3,), DISTRIBUTIONS),
    ("mean_absolute_error", (2,), NUMBERS),
    ("mean_absolute_error", (2, 2), np.arange(12.0).reshape(3, 2, 2)),
    ("huber", (2,), NUMBERS),
    ("huber:delta=2.5", (1,), np.array([0.5, -2.0, 1.0])),
    ("focal", (1,), np.array([0, 1, 1])),
    ("focal:gamma=0.5:alpha=0.7", (3,), np.array([0, 2, 1, 0])),
    ("focal:gamma=0", (3,), DISTRIBUTIONS),
    ("hinge", (1,), np.array([0, 1, 1])),
    ("hinge:p=2", (1,), np.array([-1, 1, 1])),
    ("hinge", (3,), np.array([0, 2, 1, 0])),
    ("hinge:margin=2.0:p=2", (3,), np.array([0, 2, 1, 0])),
    ("poisson", (1,), np.array([0, 3, 1])),
    ("poisson", (2,), np.array([[0, 3], [1, 2], [5, 0]])),
    ("kl_divergence", (3,), DISTRIBUTIONS),
    ("kl_divergence", (3,), np.array([0, 2, 1, 0])),
    ("cosine_similarity", (2,), NUMBERS),
    ("cosine_similarity", (2, 2), 1 + np.arange(12.0).reshape(3, 2, 2)),
]


@pytest.mark.parametrize(("name", "output_shape", "targets"), CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_cost_keeps_its_promises(name: str, output_shape: Shape, targets: Array, seed: int) -> None:
    check_cost(cost(name), output_shape, targets=targets, seed=seed)


def test_every_built_in_cost_is_checked() -> None:
    assert {name.partition(":")[0] for name, _, _ in CASES} == set(COSTS)
