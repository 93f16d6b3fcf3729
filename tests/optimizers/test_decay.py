from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.optimizers import Adam, Optimizer, Sgd
from annex_actors.optimizers.decay import inverse_time


def test_the_steps_length_falls_as_one_over_the_steps() -> None:
    assert [inverse_time(0.4, 1.0, step) for step in (0, 1, 3)] == [0.4, 0.2, 0.1]


@pytest.mark.parametrize(
    ("decayed", "plain"),
    [
        (Sgd(learning_rate=0.4, decay=1.0), Sgd(learning_rate=0.1)),
        (
            Sgd(learning_rate=0.4, decay=1.0, momentum=0.9, nesterov=True),
            Sgd(learning_rate=0.1, momentum=0.9, nesterov=True),
        ),
        (Adam(learning_rate=0.4, decay=1.0, weight_decay=0.1), Adam(learning_rate=0.1, weight_decay=0.1)),
    ],
)
def test_at_step_three_a_decay_of_one_quarters_the_learning_rate(decayed: Optimizer, plain: Optimizer) -> None:
    weights = {"weight": np.ones(3, np.float32)}
    gradient = np.array([1, -2, 3], np.float32)
    after, _ = decayed.update(3, weights, {"weight": gradient.copy()}, decayed.initial_state(weights))
    expected, _ = plain.update(3, weights, {"weight": gradient.copy()}, plain.initial_state(weights))
    np.testing.assert_array_equal(after["weight"], expected["weight"])


@pytest.mark.parametrize("make", [Sgd, Adam])
def test_a_negative_decay_is_refused(make: type[Sgd] | type[Adam]) -> None:
    with pytest.raises(ConfigError, match="expected `decay` to be a number >= 0, got -1"):
        make(decay=-1)
