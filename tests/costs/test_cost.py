from __future__ import annotations

from typing import Any

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.costs import COSTS, Cost, MeanSquaredError, cost, register_cost
from tests import tables


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


def test_a_users_own_cost_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    mine = MeanSquaredError()
    assert register_cost("mine", mine) is mine
    assert cost("mine") is mine


@pytest.mark.parametrize("wrong", [MeanSquaredError, "mse", None])
def test_a_value_that_is_not_a_cost_is_not_registered(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="expected `cost` to be a value with name, encode, evaluate and pred"):
        register_cost("mine", wrong)


def test_the_short_name_of_a_cost_cannot_be_registered() -> None:
    with pytest.raises(ConfigError, match="expected a new name for the cost"):
        register_cost("mse", MeanSquaredError())
