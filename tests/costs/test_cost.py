from __future__ import annotations

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.costs import COSTS, Cost, cost


@pytest.mark.parametrize("name", list(COSTS))
def test_a_cost_is_found_by_its_name(name: str) -> None:
    found = cost(name)
    assert isinstance(found, Cost)
    assert found.name == name


def test_mse_stands_for_the_mean_squared_error() -> None:
    assert cost("mse") == cost("mean_squared_error")


def test_an_unknown_cost_lists_the_known_ones() -> None:
    known = "mean_squared_error, softmax_cross_entropy, sigmoid_cross_entropy"
    with pytest.raises(ConfigError, match=f"expected `cost` to be one of {known}, got 'hinge'"):
        cost("hinge")
