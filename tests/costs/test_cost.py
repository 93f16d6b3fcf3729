from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.costs import (
    COSTS,
    Cost,
    Focal,
    Hinge,
    Huber,
    MeanSquaredError,
    SoftmaxCrossEntropy,
    check_takes_weights,
    cost,
    register_cost,
    spec_of,
)
from tests import tables


@pytest.mark.parametrize("name", list(COSTS))
def test_a_cost_is_found_by_its_name(name: str) -> None:
    found = cost(name)
    assert isinstance(found, Cost)
    assert found.name == spec_of(found) == name


@pytest.mark.parametrize(("short", "name"), [("mse", "mean_squared_error"), ("mae", "mean_absolute_error")])
def test_a_short_name_stands_for_a_long_one(short: str, name: str) -> None:
    assert cost(short) == cost(name)


@pytest.mark.parametrize(
    ("text", "found", "spec"),
    [
        ("huber:delta=2.0", Huber(delta=2.0), "huber:delta=2.0"),
        ("huber:2", Huber(delta=2.0), "huber:delta=2.0"),
        ("huber:1", Huber(), "huber"),
        ("softmax_cross_entropy:label_smoothing=0.1", SoftmaxCrossEntropy(0.1), None),
        ("focal:0.5:alpha=0.75", Focal(0.5, 0.75), "focal:gamma=0.5:alpha=0.75"),
        ("hinge:p=2", Hinge(p=2), "hinge:p=2"),
    ],
)
def test_settings_follow_the_name_and_are_read_back(text: str, found: Cost, spec: str | None) -> None:
    assert cost(text) == found
    assert spec_of(found) == (spec or text)
    assert cost(spec_of(found)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("softmax_cross_entropy:label_smoothing=2", "expected `label_smoothing` to be a number >= 0 and < 1, got 2"),
        ("sigmoid_cross_entropy:-0.1", "expected `label_smoothing` to be a number >= 0 and < 1, got -0.1"),
        ("huber:0", "expected `delta` to be a number > 0, got 0"),
        ("huber:nan", "expected `delta` to be a number > 0, got nan"),
        ("huber:delta=wide", "expected `delta` to be a number > 0, got 'wide'"),
        ("focal:-1", "expected `gamma` to be a number >= 0, got -1"),
        ("focal:alpha=1", "expected `alpha` to be a number > 0 and < 1, got 1"),
        ("hinge:-1", "expected `margin` to be a number >= 0, got -1"),
        ("hinge:p=3", "expected `p` to be an integer >= 1 and < 3, got 3"),
        ("huber:1:2", r"expected `cost` as huber\[:delta\], got 'huber:1:2'"),
        ("huber:dleta=1", r"expected `cost` as huber\[:delta\], got 'huber:dleta=1'"),
        ("mse:2", "expected `cost` as mean_squared_error, got 'mse:2'"),
    ],
)
def test_a_wrong_setting_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cost(text)


def test_an_unknown_cost_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=f"expected `cost` to be one of {', '.join(COSTS)}, got 'hing'; did you mean"):
        cost("hing")


def test_a_users_own_cost_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    mine = MeanSquaredError()
    assert register_cost("mine", mine) is mine
    assert cost("mine") is mine
    with pytest.raises(ConfigError, match="expected `cost` as mine, got 'mine:2'"):
        cost("mine:2")


def test_a_users_own_class_takes_its_settings_from_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)

    @dataclass(frozen=True)
    class Scaled(MeanSquaredError):
        factor: float = 1.0

    assert register_cost("scaled", Scaled) is Scaled
    assert cost("scaled") == Scaled()
    assert cost("scaled:factor=3") == Scaled(3)


@pytest.mark.parametrize("wrong", [dict, "mse", None, lambda: MeanSquaredError()])
def test_a_value_that_is_not_a_cost_is_not_registered(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="expected `cost` to be a cost's class, or a value with name, encode, evalu"):
        register_cost("mine", wrong)


def test_the_short_name_of_a_cost_cannot_be_registered() -> None:
    with pytest.raises(ConfigError, match="expected a new name for the cost"):
        register_cost("mse", MeanSquaredError())


class Older(MeanSquaredError):
    """A cost with the arguments that costs had before there were weights."""

    def evaluate(self, outputs: Any, targets: Any, samples: int) -> Any:  # type: ignore[override]
        return super().evaluate(outputs, targets, samples)


def test_a_cost_without_weights_is_told_from_one_with_them() -> None:
    check_takes_weights(MeanSquaredError())
    with pytest.raises(ConfigError, match=r"expected a `cost` that takes weights, evaluate.*, got mean_squared_error"):
        check_takes_weights(Older())  # type: ignore[arg-type]
