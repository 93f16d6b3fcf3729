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
    OPTIMIZERS,
    Adam,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseTime,
    LearningRate,
    OneCycle,
    Optimizer,
    Polynomial,
    Sgd,
    Stepwise,
    Warmup,
    optimizer,
)

RULES: dict[str, LearningRate] = {
    "inverse_time:0.003:0.01": InverseTime(0.003, 0.01),
    "constant:0.003": Constant(0.003),
    "cosine:0.003:1000": Cosine(0.003, 1000),
    "cosine:0.003:1000:minimum=1e-05": Cosine(0.003, 1000, minimum=1e-5),
    "cosine_restarts:0.003:1000": CosineRestarts(0.003, 1000),
    "cosine_restarts:0.003:1000:t_mult=2:minimum=1e-05": CosineRestarts(0.003, 1000, t_mult=2, minimum=1e-5),
    "exponential:0.1:0.999": Exponential(0.1, 0.999),
    "exponential:0.1:0.5:every=100": Exponential(0.1, 0.5, every=100),
    "polynomial:0.1:1000": Polynomial(0.1, 1000),
    "polynomial:0.1:1000:power=2.0:minimum=0.01": Polynomial(0.1, 1000, power=2, minimum=0.01),
    "one_cycle:0.01:1000": OneCycle(0.01, 1000),
    "one_cycle:0.01:1000:pct_start=0.1:div_factor=10.0": OneCycle(0.01, 1000, pct_start=0.1, div_factor=10),
    "stepwise:0.1:0.5:1000": Stepwise(0.1, 0.5, 1000),
    "warmup:0.003:100": Warmup(0.003, 100),
    "warmup:100 cosine:0.003:1000": Warmup(Cosine(0.003, 1000), 100),
    "warmup:100 one_cycle:0.01:1000:pct_start=0.1": Warmup(OneCycle(0.01, 1000, pct_start=0.1), steps=100),
}


def test_inverse_time_falls_with_one_over_the_step() -> None:
    assert [InverseTime(0.4, 1.0).at(step) for step in (0, 1, 3)] == [0.4, 0.2, 0.1]


def test_cosine_falls_by_half_a_cosine_and_stays_at_zero() -> None:
    assert [Cosine(0.4, 4).at(step) for step in (0, 2)] == [0.4, pytest.approx(0.2, rel=1e-15)]
    assert Cosine(0.4, 4).at(1) == pytest.approx(0.2 + 0.2 * np.sqrt(0.5), rel=1e-15)
    assert [Cosine(0.4, 4).at(step) for step in (4, 5, 10**9)] == [0, 0, 0]


def test_stepwise_is_multiplied_at_regular_intervals() -> None:
    assert [Stepwise(0.4, 0.5, 3).at(step) for step in (0, 2, 3, 5, 6)] == [0.4, 0.4, 0.2, 0.2, 0.1]


def test_exponential_is_stepwise_where_stepwise_changes() -> None:
    smooth, steps = Exponential(0.4, 0.5, every=3), Stepwise(0.4, 0.5, 3)
    assert [smooth.at(step) for step in (0, 3, 6)] == [steps.at(step) for step in (0, 3, 6)]
    assert smooth.at(1) == pytest.approx(0.4 * 0.5 ** (1 / 3), rel=1e-15)


def test_polynomial_falls_to_its_minimum_and_stays() -> None:
    assert [Polynomial(0.4, 4).at(step) for step in (0, 1, 2, 4, 10**9)] == [0.4, pytest.approx(0.3), 0.2, 0, 0]
    assert [Polynomial(0.5, 4, power=2, minimum=0.1).at(step) for step in (0, 2, 4, 5)] == [0.5, 0.2, 0.1, 0.1]


def test_cosine_restarts_where_its_falls_end_and_each_fall_is_longer() -> None:
    rule = CosineRestarts(0.4, 3, t_mult=2, minimum=0.1)
    assert [step for step in range(100) if rule.at(step) == 0.4] == [0, 3, 9, 21, 45, 93]
    alone = [Cosine(0.4, length, minimum=0.1).at(step) for length in (3, 6, 12) for step in range(length)]
    assert [rule.at(step) for step in range(21)] == alone
    assert [CosineRestarts(0.4, 2).at(step) for step in range(5)] == [0.4, 0.2, 0.4, 0.2, 0.4]


@pytest.mark.parametrize("t_mult", [1, 2, 3, 7])
def test_a_restart_far_away_is_exact_and_quick(t_mult: int) -> None:
    rule = CosineRestarts(0.4, 5, t_mult=t_mult)
    restart = 5 * sum(t_mult**index for index in range(20))
    assert rule.at(restart) == 0.4
    assert rule.at(restart - 1) < rule.at(restart)
    assert rule.at(2**63 - 1) <= 0.4


def test_one_cycle_rises_to_its_peak_and_falls_to_almost_nothing() -> None:
    rule = OneCycle(0.5, 10, pct_start=0.3, div_factor=5, final_div_factor=100)
    rates = [rule.at(step) for step in range(12)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[2] == max(rates) == 0.5
    assert rates[9:] == [pytest.approx(0.001)] * 3
    assert OneCycle(0.5, 1).at(0) == pytest.approx(0.5 / 25 / 1e4)


def test_warmup_rises_in_equal_steps_and_stays() -> None:
    assert [Warmup(0.4, 4).at(step) for step in (0, 1, 3, 4, 10**9)] == [0.1, 0.2, 0.4, 0.4, 0.4]


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if not isinstance(rule, Warmup)], ids=repr)
def test_any_rule_begins_after_a_warmup_to_its_first_rate(rule: LearningRate) -> None:
    warm, first = Warmup(rule, 4), rule.at(0)
    assert [warm.at(step) for step in range(4)] == [first * share for share in (0.25, 0.5, 0.75, 1)]
    assert [warm.at(step) for step in (4, 5, 1000)] == [rule.at(step) for step in (0, 1, 996)]


@pytest.mark.parametrize("text", RULES)
def test_a_rule_is_read_from_its_text_and_written_back(text: str) -> None:
    for name in OPTIMIZERS:
        rule: Any = optimizer(name, learning_rate=text).learning_rate  # type: ignore[attr-defined]
        assert rule == RULES[text]
        assert rule.spec() == text
        assert pickle.loads(pickle.dumps(rule)) == rule


def test_every_rule_has_a_text() -> None:
    assert {text.partition(":")[0] for text in RULES} == set(LEARNING_RATES)


def test_an_argument_may_be_given_by_its_name() -> None:
    for text in ("cosine:0.003:steps=1000", "cosine:steps=1000:learning_rate=0.003"):
        assert optimizer("sgd", learning_rate=text) == Sgd(learning_rate=Cosine(0.003, 1000))
    assert optimizer("sgd", learning_rate=" warmup:steps=100  cosine:0.003:1000 ") == Sgd(
        learning_rate=Warmup(Cosine(0.003, 1000), 100)
    )


def test_a_warmup_before_a_rule_without_a_text_has_none_that_can_be_read() -> None:
    assert Warmup(Halved(), 5).spec() == "warmup:5 Halved"
    with pytest.raises(ConfigError, match="got 'Halved'; or a rule"):
        optimizer("sgd", learning_rate="warmup:5 Halved")


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
        ("cosin:0.1:3", "expected `learning_rate` to be a number > 0, got 'cosin:0.1:3'; or a rule: constant, inv"),
        (
            "cosin:0.1:3",
            "constant, inverse_time, stepwise, exponential, polynomial, cosine, cosine_restarts, one_cycle",
        ),
        ("cosin:0.1:3", "did you mean 'cosine'?"),
        (
            "cosine:0.1",
            "expected `learning_rate` as cosine:learning_rate:steps[:minimum=0.0], with numbers, got 'cosine:0.1'",
        ),
        ("cosine:0.1:3:4", "expected `learning_rate` as cosine:learning_rate:steps[:minimum=0.0], with numbers"),
        ("cosine:0.1:3:minimal=4", "expected `learning_rate` as cosine:learning_rate:steps[:minimum=0.0], with num"),
        ("cosine:0.1:steps=3:4", "arguments by position first, got 'cosine:0.1:steps=3:4'"),
        ("cosine:0.1:many", "learning_rate, 'cosine:0.1:many': expected `steps` to be an integer >= 1, got 'many'"),
        ("cosine:0.1:0", "learning_rate, 'cosine:0.1:0': expected `steps` to be an integer >= 1, got 0"),
        ("cosine:0.1:3:minimum=-1", "expected `minimum` to be a number >= 0, got -1"),
        ("cosine_restarts:0.1:3:t_mult=0", "expected `t_mult` to be an integer >= 1, got 0"),
        ("polynomial:0.1:3:power=0", "expected `power` to be a number > 0, got 0"),
        ("one_cycle:0.1:3:pct_start=1", "expected `pct_start` to be a number >= 0 and < 1, got 1"),
        ("one_cycle:0.1:3:div_factor=0.5", "expected `div_factor` to be a number >= 1, got 0.5"),
        ("exponential:0.1:-1", "expected `factor` to be a number > 0, got -1"),
        ("constant:0", "expected `learning_rate` to be a number > 0, got 0"),
        (
            "cosine:0.1:3 warmup:5",
            "expected `learning_rate` as one rule, or as warmup:steps and a rule: warmup:100 cos",
        ),
        (
            "warmup:0.1:5 cosine:0.1:3",
            "expected `learning_rate` as one rule, or as warmup:steps and a rule: warmup:100",
        ),
        ("warmup:0 cosine:0.1:3", "expected `steps` to be an integer >= 1, got 0"),
        ("warmup:5 cosine:0.1", "expected `learning_rate` as cosine:learning_rate:steps[:minimum=0.0], with numbers"),
        (
            "warmup:5 warmup:0.1:3",
            "expected `learning_rate` to be a number > 0 or a rule, got another Warmup; write one",
        ),
        ("warmup:5 cosine:0.1:3 cosine:0.1:3", "expected `learning_rate` as one rule, or as warmup:steps and a rule"),
        ("warmup:5 " * 5000, "expected `learning_rate` as one rule, or as warmup:steps and a rule"),
        ("warmup:5 nonsense", "expected `learning_rate` to be a number > 0, got 'nonsense'; or a rule: "),
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
            "expected `learning_rate` to be a number > 0, got 'fast'; or a rule: constant, inverse_time, ",
        ),
        ("fast", "cosine_restarts, one_cycle, warmup; `annex-actors rates` shows how to write them"),
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
