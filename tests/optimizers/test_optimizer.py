from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.optimizers import Adam, Sgd, optimizer, register_optimizer
from tests import tables


def test_an_optimizer_is_found_by_its_name_and_takes_its_settings() -> None:
    assert optimizer("sgd", momentum=0.9) == Sgd(learning_rate=0.05, momentum=0.9, nesterov=False)
    assert optimizer("adam", beta1=0.8) == Adam(learning_rate=0.001, beta1=0.8, beta2=0.999, epsilon=1e-8)


def test_an_unknown_optimizer_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"expected `optimizer` to be one of sgd, adam, adamw, .*, got 'adamm'; did you"
    ):
        optimizer("adamm")


def test_an_unknown_setting_lists_the_known_ones() -> None:
    message = (
        "expected settings of sgd to be among learning_rate, momentum, nesterov, weight_decay, decay_biases, got 'lr'"
    )
    with pytest.raises(ConfigError, match=message):
        optimizer("sgd", lr=0.1)


@dataclass(frozen=True)
class Steep(Sgd):
    """A user's own optimizer."""

    slope: float = 1.0


def test_a_users_own_optimizer_is_found_by_its_name_and_takes_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    assert register_optimizer("steep", Steep) is Steep
    assert optimizer("steep", slope=2.0, learning_rate=0.1) == Steep(slope=2.0, learning_rate=0.1)
    with pytest.raises(ConfigError, match=r"settings of steep to be among slope, .*, got 'slop'; did you mean 'slope'"):
        optimizer("steep", slop=2.0)


@pytest.mark.parametrize("wrong", [Steep(), "sgd", dict, lambda: Steep(), ConfigError])
def test_a_value_that_is_not_an_optimizer_class_is_not_registered(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="expected `optimizer` to be a dataclass with name, initial_state"):
        register_optimizer("mine", wrong)
    with pytest.raises(ConfigError, match=r"expected `optimizer` to be one of sgd, adam, .*, lion, got 'mine'"):
        optimizer("mine")


@pytest.mark.parametrize(
    ("name", "setting", "wrong", "wanted"),
    [
        *[("sgd", "learning_rate", wrong, "> 0") for wrong in (0, -0.1, True, float("nan"), float("inf"))],
        *[("sgd", "momentum", wrong, ">= 0 and < 1") for wrong in (-0.1, 1, "some")],
        *[("adam", "learning_rate", wrong, "> 0") for wrong in (0, -1)],
        *[("adam", "beta1", wrong, ">= 0 and < 1") for wrong in (-0.1, 1)],
        *[("adam", "beta2", wrong, ">= 0 and < 1") for wrong in (-0.1, 1)],
        ("adam", "epsilon", 0, "> 0"),
        ("adam", "weight_decay", -1, ">= 0"),
        *[("rmsprop", "alpha", wrong, ">= 0 and < 1") for wrong in (-0.1, 1)],
        ("rmsprop", "epsilon", 0, "> 0"),
        ("rmsprop", "momentum", 1, ">= 0 and < 1"),
        ("adagrad", "initial_accumulator_value", -1, ">= 0"),
        ("adagrad", "epsilon", 0, "> 0"),
        *[("lion", beta, 1, ">= 0 and < 1") for beta in ("beta1", "beta2")],
        *[(name, "learning_rate", 0, "> 0") for name in ("adamw", "rmsprop", "adagrad", "lion")],
    ],
)
def test_a_setting_out_of_range_is_refused(name: str, setting: str, wrong: Any, wanted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        optimizer(name, **{setting: wrong})
    assert str(caught.value) == f"expected `{setting}` to be a number {wanted}, got {wrong!r}"


def test_nesterov_is_a_boolean_that_needs_momentum() -> None:
    with pytest.raises(ConfigError, match="expected `nesterov` to be true or false, got 1"):
        optimizer("sgd", momentum=0.9, nesterov=1)
    with pytest.raises(ConfigError, match=r"expected `momentum` > 0 with nesterov, got 0"):
        optimizer("sgd", nesterov=True, momentum=0)


def test_a_momentum_that_is_not_given_follows_nesterov() -> None:
    assert (Sgd().momentum, Sgd(nesterov=True).momentum) == (0.0, 0.9)
