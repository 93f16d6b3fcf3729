"""A checker refuses what it cannot check with one line: what it is given is checked as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.costs import MeanSquaredError
from annex_actors.data.transforms.scaling import Standardise
from annex_actors.layers import dense
from annex_actors.optimizers import Sgd
from annex_actors.runtimes import InlineRuntime
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import discipline
from annex_actors.testing import (
    check_cost,
    check_discipline,
    check_layer,
    check_optimizer,
    check_runtime,
    check_stack_layer,
    check_transform,
)

CHECKERS: dict[str, tuple[Callable[[Any], None], object]] = {
    "Cost": (check_cost, MeanSquaredError()),
    "Discipline": (check_discipline, discipline("1f1b")),
    "Layer": (lambda value: check_layer(value, (4,)), dense(3)),
    "Optimizer": (check_optimizer, Sgd()),
    "Runtime": (check_runtime, InlineRuntime()),
    "Transform": (check_transform, Standardise()),
    "StackLayer": (lambda value: check_stack_layer(value, ((4,), (4,))), None),
}


@pytest.mark.parametrize("name", CHECKERS)
def test_what_is_no_instance_is_refused(name: str) -> None:
    check, right = CHECKERS[name]
    wrong = [None, "text", object(), (1, 2), float("nan"), 10**400, type(right)]
    for value in wrong:
        with pytest.raises(AssertionError, match=f"expected a {name}, got ") as caught:
            check(value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "call",
    [
        lambda: check_layer(dense(3), 4),  # type: ignore[arg-type]
        lambda: check_layer(dense(3), (4,), samples=1),
        lambda: check_layer(dense(3), (4,), seed=-1),
        lambda: check_cost(MeanSquaredError(), (0,)),
        lambda: check_cost(MeanSquaredError(), samples=0),
        lambda: check_optimizer(Sgd(), seed=None),  # type: ignore[arg-type]
        lambda: check_discipline(discipline("1f1b"), stages=0),
        lambda: check_discipline(discipline("1f1b"), microbatches=1.5),  # type: ignore[arg-type]
    ],
)
def test_another_argument_out_of_range_is_refused_by_name(call: Callable[[], None]) -> None:
    with pytest.raises(ConfigError, match=r"^expected `\w+` to be "):
        call()


def test_every_checker_is_tried() -> None:
    import annex_actors.testing

    assert len(CHECKERS) == len(annex_actors.testing.__all__)
    assert isinstance(CHECKERS["Discipline"][1], Discipline)
