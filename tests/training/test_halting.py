"""Conditions to halt are functions of the history, and are written as text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.events import EpochFinished
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.halting import Halt, all_of, any_of, best_of, max_epochs, max_seconds, max_steps
from annex_actors.training.halts import HALTS, halt, halt_of


def history(*costs: float, **figures: float) -> tuple[EpochFinished, ...]:
    return tuple(
        EpochFinished(epoch, 3 * (epoch + 1), cost, cost, figures, seconds=10.0 * (epoch + 1))
        for epoch, cost in enumerate(costs)
    )


def ends_at(condition: Halt, epochs: tuple[EpochFinished, ...]) -> int | None:
    """Return after how many epochs a run ends; None if it does not."""
    return next((count for count in range(1, len(epochs) + 1) if condition(epochs[:count])), None)


COSTS = history(5.0, 4.0, 4.5, 3.9, 3.95, 3.9, 3.9, 4.0)


@pytest.mark.parametrize(
    ("condition", "after"),
    [
        (max_epochs(3), 3),
        (max_steps(7), 3),
        (max_steps(9), 3),
        (max_seconds(30), 3),
        (max_seconds(31), 4),
        (EarlyStopping(patience=1, monitor="train_cost"), 3),
        (EarlyStopping(patience=2, monitor="train_cost"), 6),
        (EarlyStopping(patience=4, monitor="test_cost"), 8),
        (EarlyStopping(patience=5, monitor="test_cost"), None),
        (EarlyStopping(patience=2, monitor="test_cost", min_delta=0.2), 4),
        (EarlyStopping(patience=2, monitor="train_cost", mode="max"), 3),
        (any_of(max_epochs(5), max_steps(7)), 3),
        (all_of(max_epochs(5), max_steps(7)), 5),
    ],
    ids=repr,
)
def test_a_run_ends_when_its_condition_is_met(condition: Halt, after: int | None) -> None:
    assert ends_at(condition, COSTS) == after


@pytest.mark.parametrize(("monitor", "best"), [("train_cost", 3), ("test_cost", 3), ("accuracy", 0)])
def test_the_best_epoch_is_the_last_that_improved_the_figure(monitor: str, best: int) -> None:
    epochs = tuple(
        EpochFinished(each.epoch, each.steps, each.train_cost, each.test_cost, {"accuracy": 0.5}) for each in COSTS
    )
    assert EarlyStopping(monitor=monitor).best(epochs) == best


def test_what_is_missing_or_not_a_number_improves_nothing() -> None:
    stopping = EarlyStopping(patience=2, monitor="accuracy")
    assert stopping.best(history(1.0, 1.0)) is None
    assert stopping.best(history(1.0, accuracy=math.nan)) is None
    assert ends_at(stopping, history(1.0, 1.0, 1.0)) == 2


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=16)


@given(st.lists(NUMBERS, max_size=20), st.integers(1, 4), st.sampled_from([0.0, 0.5]), st.sampled_from(["min", "max"]))
@settings(derandomize=True)
def test_it_stops_as_a_loop_with_a_memory_does(costs: list[float], patience: int, delta: float, mode: str) -> None:
    epochs = history(*costs)
    stopping = EarlyStopping(patience=patience, monitor="train_cost", min_delta=delta, mode=mode)
    best, wait, ended = None, 0, None
    for index, cost in enumerate(costs):
        least = math.inf if mode == "min" else -math.inf
        before = least if best is None else costs[best]
        margin = 0.0 if best is None else delta
        is_better = cost < before - margin if mode == "min" else cost > before + margin
        best, wait = (index, 0) if is_better else (best, wait + 1)
        assert stopping.best(epochs[: index + 1]) == best
        if wait >= patience and ended is None:
            ended = index + 1
    assert ends_at(stopping, epochs) == ended


# As text


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("early_stopping:3:train_cost", EarlyStopping(3, "train_cost")),
        ("early_stopping:monitor=accuracy:min_delta=0.01", EarlyStopping(monitor="accuracy", min_delta=0.01)),
        (
            "early_stopping:2:restore_best_weights=false:mode=max",
            EarlyStopping(2, mode="max", restore_best_weights=False),
        ),
        ("max_seconds:60", max_seconds(60)),
        ("max_epochs:3", max_epochs(3)),
        ("max_steps:30", max_steps(30)),
    ],
)
def test_a_condition_has_a_text(text: str, condition: Halt) -> None:
    assert halt(text) == condition
    assert halt_of([text]) == condition


def test_of_several_texts_any_ends_the_run() -> None:
    assert halt_of(["max_epochs:3", "max_steps:30"]) == any_of(max_epochs(3), max_steps(30))
    assert halt_of([]) is None


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: halt("early_stoping"), "one of early_stopping, .*; did you mean 'early_stopping'"),
    (lambda: halt("max_epochs"), "expected `halt` as max_epochs:limit, got 'max_epochs'"),
    (
        lambda: halt("early_stopping:patience=0"),
        "halt, 'early_stopping:patience=0': expected `patience` to be an integer",
    ),
    (lambda: halt("early_stopping:wait=3"), r"expected `halt` as early_stopping\[:patience\]"),
    (lambda: max_seconds(0), "expected `limit` to be a number > 0"),
    (lambda: EarlyStopping(mode="best"), "expected `mode` to be one of min, max"),
    (lambda: EarlyStopping(monitor="mine"), 'expected `mode` to be "min" or "max" for \'mine\', got none'),
    (lambda: any_of(), "expected `any_of` to have at least one condition"),
    (lambda: all_of(max_epochs(2), 3), "expected `argument 1 of all_of` to be a condition"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_does_not_fit_is_refused_in_a_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_restores_weights_is_found_in_a_combination() -> None:
    restoring = EarlyStopping(monitor="train_cost")
    assert best_of(max_epochs(3)) is None
    assert best_of(EarlyStopping(restore_best_weights=False)) is None
    for combined in (any_of(max_epochs(3), restoring), all_of(restoring, any_of(max_steps(1)))):
        best = best_of(combined)
        assert best is not None
        assert best(COSTS) == 3


def test_every_condition_of_the_table_is_a_function_of_the_history() -> None:
    settings = {"early_stopping": "early_stopping:2:train_cost"}
    for name in HALTS:
        condition = halt(settings.get(name, f"{name}:2"))
        assert condition is not None
        assert condition(COSTS) == condition(COSTS)
