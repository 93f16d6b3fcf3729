"""Every rule that torch has gives the same step sizes as torch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.optimizers import (
    Cosine,
    CosineRestarts,
    Exponential,
    InverseTime,
    LearningRate,
    OneCycle,
    Polynomial,
    Stepwise,
    Warmup,
)

torch = pytest.importorskip("torch")
schedulers = torch.optim.lr_scheduler

STEPS = 150

rates = st.floats(1e-5, 10)
counts = st.integers(1, 60)
factors = st.floats(0.5, 1.0)
smaller = st.sampled_from([0.0, 1e-6])


def torchs(make: Callable[[Any], Any], rate: float, steps: int = STEPS) -> list[float]:
    """Return the step size of torch at each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=rate)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch wants to step the optimizer too
        scheduler = make(optimizer)
        for _ in range(steps):
            found.append(float(optimizer.param_groups[0]["lr"]))
            scheduler.step()
    return found


def check(rule: LearningRate, make: Callable[[Any], Any], rate: float, steps: int = STEPS) -> None:
    assert [rule.at(step) for step in range(steps)] == pytest.approx(torchs(make, rate, steps), rel=1e-9, abs=1e-15)


few = settings(max_examples=settings().max_examples // 5)


@few
@given(rate=rates, factor=factors, every=counts)
def test_stepwise_is_step_lr(rate: float, factor: float, every: int) -> None:
    check(Stepwise(rate, factor, every), lambda own: schedulers.StepLR(own, every, gamma=factor), rate)


@few
@given(rate=rates, factor=factors)
def test_exponential_is_exponential_lr(rate: float, factor: float) -> None:
    check(Exponential(rate, factor), lambda own: schedulers.ExponentialLR(own, factor), rate)


@few
@given(rate=rates, steps=counts, power=st.floats(0.25, 4))
def test_polynomial_is_polynomial_lr(rate: float, steps: int, power: float) -> None:
    check(Polynomial(rate, steps, power=power), lambda own: schedulers.PolynomialLR(own, steps, power=power), rate)


@few
@given(rate=rates, steps=counts, minimum=smaller)
def test_cosine_is_cosine_annealing_lr_until_its_end(rate: float, steps: int, minimum: float) -> None:
    # Torch goes up again after the end; and it comes to 0 by a recursion, with what that leaves of the rounding.
    found = torchs(lambda own: schedulers.CosineAnnealingLR(own, steps, eta_min=minimum), rate, steps + 1)
    rule = Cosine(rate, steps, minimum=minimum)
    assert [rule.at(step) for step in range(steps + 1)] == pytest.approx(found, rel=1e-9, abs=1e-9 * rate)


@few
@given(rate=rates, steps=counts, t_mult=st.integers(1, 3), minimum=smaller)
def test_cosine_restarts_is_cosine_annealing_warm_restarts(
    rate: float, steps: int, t_mult: int, minimum: float
) -> None:
    check(
        CosineRestarts(rate, steps, t_mult=t_mult, minimum=minimum),
        lambda own: schedulers.CosineAnnealingWarmRestarts(own, steps, T_mult=t_mult, eta_min=minimum),
        rate,
    )


@few
@given(
    rate=rates,
    steps=st.integers(5, 100),
    start=st.floats(0.3, 0.9),
    div=st.sampled_from([1.0, 10.0, 25.0]),
    final=st.sampled_from([1.0, 1e4]),
)
def test_one_cycle_is_one_cycle_lr(rate: float, steps: int, start: float, div: float, final: float) -> None:
    own = {"pct_start": start, "div_factor": div, "final_div_factor": final}
    rule = OneCycle(rate, steps, **own)
    found = torchs(
        lambda optimizer: schedulers.OneCycleLR(optimizer, rate, steps, cycle_momentum=False, **own), rate, steps - 1
    )
    assert [rule.at(step) for step in range(steps - 1)] == pytest.approx(found, rel=1e-9)


@few
@given(rate=rates, decay=st.floats(0, 2))
def test_inverse_time_is_a_lambda_of_torch(rate: float, decay: float) -> None:
    check(InverseTime(rate, decay), lambda own: schedulers.LambdaLR(own, lambda step: 1 / (1 + decay * step)), rate)


@few
@given(rate=rates, warm=st.integers(2, 40), steps=counts)
def test_a_warmup_before_a_rule_is_linear_lr_before_it(rate: float, warm: int, steps: int) -> None:
    def make(optimizer: Any) -> Any:
        rise = schedulers.LinearLR(optimizer, start_factor=1 / warm, total_iters=warm - 1)
        rule = schedulers.PolynomialLR(optimizer, steps)
        return schedulers.SequentialLR(optimizer, [rise, rule], milestones=[warm])

    check(Warmup(Polynomial(rate, steps), warm), make, rate)
