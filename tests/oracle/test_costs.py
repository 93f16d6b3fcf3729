"""Every cost gives the same bits in every way to train, with sample weights and without, and whatever crashes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from annex_actors.costs import COSTS
from annex_actors.runtimes import Crash, CrashPlan
from annex_actors.schedules.table import DISCIPLINES
from tests.matrix import matrix, one_of_each
from tests.oracle.plain import expected
from tests.trainings import (
    CLASSIFIER,
    REGRESSOR,
    Training,
    carry_out,
    fingerprints,
    host_named,
    samples,
    train,
    undisturbed,
)

HOSTS = ("inline", "threads", "schedulers")

TEXTS = (
    *COSTS,
    "huber:delta=0.25",
    "softmax_cross_entropy:label_smoothing=0.1",
    "sigmoid_cross_entropy:label_smoothing=0.1",
    "focal:gamma=0.5:alpha=0.75",
    "hinge:p=2",
)


def training_of(cost: str, schedule: str = "1f1b", microbatches: int = 3, *, weighted: bool = True) -> Training:
    """Return a training with a cost, and a network whose outputs fit it."""
    network = CLASSIFIER if samples(13, cost).targets.ndim == 1 else REGRESSOR
    return Training(network=network, cost=cost, schedule=schedule, microbatches=microbatches, weighted=weighted)


@dataclass(frozen=True)
class Case:
    """One way to train with a cost."""

    cost: str
    runtime: str
    schedule: str
    microbatches: int
    weighted: bool
    crash: bool

    def __str__(self) -> str:
        words = [self.cost, self.runtime, self.schedule, f"{self.microbatches} microbatches"]
        return ", ".join([*words, *["weighted"] * self.weighted, *["a crash"] * self.crash])


OTHERS = ((1, 2, 3, 8), (True, False), (True, False))
CASES = [Case(*each) for each in product(TEXTS, HOSTS, DISCIPLINES, *OTHERS)]
ON_PROCESSES = one_of_each(
    (Case(*each) for each in product(TEXTS, ("processes",), DISCIPLINES, *OTHERS)),
    key=lambda case: (case.cost, case.schedule, case.crash),
)


@pytest.mark.parametrize("case", [*matrix(CASES, sample=36, id=str), *matrix(ON_PROCESSES, sample=12, id=str)])
def test_every_cost_equals_the_plain_program(case: Case) -> None:
    training = training_of(case.cost, case.schedule, case.microbatches, weighted=case.weighted)
    layer = len(training.network.layers)  # the cost
    crashes = CrashPlan([Crash(layer=layer, step=1), Crash(layer=0, step=3)] if case.crash else [])
    outcome = carry_out(training.program(crashes=crashes), host_named(case.runtime), training.initial)
    assert outcome.restarts == (2 if case.crash else 0)
    assert outcome.fingerprints == fingerprints(expected(training))
    assert outcome.history == undisturbed(training).history


@pytest.mark.parametrize("cost", TEXTS)
def test_every_cost_equals_the_plain_program_with_weights(cost: str) -> None:
    training = training_of(cost)
    assert train(training).fingerprints == fingerprints(expected(training))
