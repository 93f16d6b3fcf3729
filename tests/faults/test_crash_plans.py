"""Planned crashes on every runtime: what ``--crash`` can be given."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random

import pytest

from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import Crash
from annex_actors.schedules.table import DISCIPLINES
from supervisors import Strategy
from tests.faults.plans import assert_undisturbed, disturbed
from tests.matrix import matrix
from tests.trainings import Training, host_named

TRAINING = Training(microbatches=3)
LAYERS = len(TRAINING.network.layers) + 1


def neighbours(point: Point) -> tuple[Crash, ...]:
    return tuple(Crash(layer, step=2, microbatch=1, at=point) for layer in (1, 2))


def many(point: Point) -> tuple[Crash, ...]:
    random = Random(point.value)
    return tuple(
        Crash(random.randrange(LAYERS), random.randrange(TRAINING.steps), random.randrange(2), point) for _ in range(12)
    )


PLANS = {
    "one": lambda point: (Crash(layer=1, step=2, microbatch=1, at=point),),
    "the first layer": lambda point: (Crash(layer=0, step=0, at=point),),
    "the cost": lambda point: (Crash(layer=4, step=TRAINING.steps - 1, at=point),),
    "neighbours": neighbours,
    "again while recovering": lambda point: (Crash(layer=3, step=3, at=point, times=4),),
    "all layers": lambda point: tuple(Crash(layer, step=4, at=point) for layer in range(LAYERS)),
    "many": many,
}


@dataclass(frozen=True)
class Case:
    """A plan on a runtime."""

    runtime: str
    strategy: Strategy
    point: Point
    plan: str
    schedule: str

    def __str__(self) -> str:
        return f"{self.runtime}, {self.strategy.value}, {self.point.value}, {self.plan}, {self.schedule}"


CASES = [
    Case(*each)
    for each in product(("inline", "threads", "schedulers", "processes", "ray"), Strategy, Point, PLANS, DISCIPLINES)
]


@pytest.mark.parametrize("case", matrix(CASES, sample=100, id=str))
def test_planned_crashes_change_nothing(case: Case) -> None:
    training = Training(microbatches=3, schedule=case.schedule)
    crashes = PLANS[case.plan](case.point)
    outcome = disturbed(training, host_named(case.runtime), strategy=case.strategy, crashes=crashes)
    assert_undisturbed(outcome, training)
    assert outcome.restarts >= (len(set(crashes)) if case.strategy is Strategy.ONE_FOR_ONE else 1)
