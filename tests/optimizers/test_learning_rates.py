from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.optimizers import (
    LEARNING_RATES,
    Adam,
    Cosine,
    InverseTime,
    LearningRate,
    Optimizer,
    Sgd,
    Stepwise,
    Warmup,
    optimizer,
)

RULES: dict[str, LearningRate] = {
    "inverse_time:0.003:0.01": InverseTime(0.003, 0.01),
    "cosine:0.003:1000": Cosine(0.003, 1000),
    "stepwise:0.1:0.5:1000": Stepwise(0.1, 0.5, 1000),
    "warmup:0.003:100": Warmup(0.003, 100),
}


def test_inverse_time_falls_with_one_over_the_step() -> None:
    assert [InverseTime(0.4, 1.0).at(step) for step in (0, 1, 3)] == [0.4, 0.2, 0.1]


def test_cosine_falls_by_half_a_cosine_and_stays_at_zero() -> None:
    assert [Cosine(0.4, 4).at(step) for step in (0, 2)] == [0.4, pytest.approx(0.2, rel=1e-15)]
    assert Cosine(0.4, 4).at(1) == pytest.approx(0.2 + 0.2 * np.sqrt(0.5), rel=1e-15)
    assert [Cosine(0.4, 4).at(step) for step in (4, 5, 10**9)] == [0, 0, 0]


def test_stepwise_is_multiplied_at_regular_intervals() -> None:
    assert [Stepwise(0.4, 0.5, 3).at(step) for step in (0, 2, 3, 5, 6)] == [0.4, 0.4, 0.2, 0.2, 0.1]


def test_warmup_rises_in_equal_steps_and_stays() -> None:
    assert [Warmup(0.4, 4).at(step) for step in (0, 1, 3, 4, 10**9)] == [0.1, 0.2, 0.4, 0.4, 0.4]


@pytest.mark.parametrize("text", RULES)
def test_a_rule_is_read_from_its_text_and_written_back(text: str) -> None:
    for name in ("sgd", "adam"):
        rule: Any = optimizer(name, learning_rate=text).learning_rate  # type: ignore[attr-defined]
        assert rule == RULES[text]
        assert rule.spec() == text
        assert pickle.loads(pickle.dumps(rule)) == rule


def test_every_rule_has_a_text() -> None:
    assert {text.partition(":")[0] for text in RULES} == set(LEARNING_RATES)


@given(number=st.floats(1e-300, 1e300), decay=st.floats(0, 1e300))
def test_no_bit_of_a_number_is_lost_in_a_text(number: float, decay: float) -> None:
    rule = InverseTime(number, decay)
    assert optimizer("sgd", learning_rate=rule.spec()) == Sgd(learning_rate=rule)


def test_a_number_may_be_given_as_text() -> None:
    assert optimizer("adam", learning_rate="0.003") == Adam(learning_rate=0.003)


@pytest.mark.parametrize(
    ("varying", "constant"),
    [
        (Sgd(learning_rate=InverseTime(0.4, 1.0)), Sgd(learning_rate=0.1)),
        (
            Sgd(learning_rate=InverseTime(0.4, 1.0), momentum=0.9, nesterov=True),
            Sgd(learning_rate=0.1, momentum=0.9, nesterov=True),
        ),
        (Adam(learning_rate=InverseTime(0.4, 1.0), weight_decay=0.1), Adam(learning_rate=0.1, weight_decay=0.1)),
    ],
)
def test_an_optimizer_uses_the_step_size_of_its_rule(varying: Optimizer, constant: Optimizer) -> None:
    weights = {"weight": np.ones(3, np.float32)}
    gradient = np.array([1, -2, 3], np.float32)
    after, _ = varying.update(3, weights, {"weight": gradient.copy()}, varying.initial_state(weights))
    expected, _ = constant.update(3, weights, {"weight": gradient.copy()}, constant.initial_state(weights))
    np.testing.assert_array_equal(after["weight"], expected["weight"])


@dataclass(frozen=True)
class Halved:
    """A user's own rule, which returns NumPy floats."""

    def at(self, step: int) -> float:
        return np.float64(0.5**step)


@pytest.mark.parametrize("make", [Sgd, Adam])
def test_a_users_own_rule_does_not_turn_single_precision_into_double(make: type[Sgd] | type[Adam]) -> None:
    weights = {"weight": np.ones(3, np.float32)}
    after, expected = (
        chosen.update(1, weights, {"weight": np.ones(3, np.float32)}, chosen.initial_state(weights))[0]["weight"]
        for chosen in (make(learning_rate=Halved()), make(learning_rate=0.5))
    )
    assert after.dtype == np.float32
    np.testing.assert_array_equal(after, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosin:0.1:3", "expected `learning_rate` to be a number > 0, got 'cosin:0.1:3'; or a rule: inverse_time:LEA"),
        ("cosin:0.1:3", "cosine:LEARNING_RATE:STEPS, stepwise:LEARNING_RATE:FACTOR:EVERY"),
        ("cosin:0.1:3", "did you mean 'cosine'?"),
        ("cosine:0.1", "expected `learning_rate` as cosine:LEARNING_RATE:STEPS, with numbers, got 'cosine:0.1'"),
        ("cosine:0.1:3:4", "expected `learning_rate` as cosine:LEARNING_RATE:STEPS, with numbers"),
        ("cosine:0.1:many", "expected `learning_rate` as cosine:LEARNING_RATE:STEPS, with numbers"),
        ("cosine:0.1:0", "learning_rate 'cosine:0.1:0': expected `steps` to be an integer >= 1, got 0"),
        ("cosine:0.1:2.5", "expected `steps` to be an integer >= 1, got 2.5"),
        ("cosine:-1:3", "expected `learning_rate` to be a number > 0, got -1"),
        ("inverse_time:0.1:-1", "expected `decay` to be a number >= 0, got -1"),
        ("stepwise:0.1:0:3", "expected `factor` to be a number > 0, got 0"),
        ("stepwise:0.1:0.5:0", "expected `every` to be an integer >= 1, got 0"),
        ("warmup:0.1:0", "expected `steps` to be an integer >= 1, got 0"),
        ("-0.1", "expected `learning_rate` to be a number > 0, got -0.1"),
        ("nan", "expected `learning_rate` to be a number > 0, got nan"),
        (
            "fast",
            "expected `learning_rate` to be a number > 0, got 'fast'; or a rule: inverse_time:LEARNING_RATE:DECAY",
        ),
        ("", "expected `learning_rate` to be a number > 0, got ''"),
    ],
)
def test_a_text_that_is_not_a_learning_rate_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        optimizer("adam", learning_rate=text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_class_of_a_rule_is_not_a_rule() -> None:
    with pytest.raises(
        ConfigError,
        match=r"expected `learning_rate` to be .*, got the class Halved; write Halved",
    ):
        Sgd(learning_rate=Halved)  # type: ignore[arg-type]
