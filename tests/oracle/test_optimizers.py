"""Every optimizer gives the bits of the plain program: on every runtime, by every schedule, with crashes, resumed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from annex_actors.optimizers import LEARNING_RATES, OPTIMIZERS, optimizer
from annex_actors.runtimes import Crash
from annex_actors.schedules.table import DISCIPLINES
from tests.faults.plans import disturbed
from tests.matrix import matrix, one_of_each
from tests.oracle.plain import expected
from tests.trainings import (
    CLASSIFIER,
    EVERY_OPTIMIZER,
    SKIPPING,
    Training,
    at_every_step,
    fingerprints,
    host_named,
    train,
)

HOSTS = ("inline", "threads", "schedulers")

CRASHES = (Crash(layer=0, step=1), Crash(layer=3, step=2, microbatch=1), Crash(layer=0, step=4))


@dataclass(frozen=True)
class Case:
    """One way to train with an optimizer."""

    optimizer: str
    runtime: str
    schedule: str
    microbatches: int
    has_skips: bool
    is_crashing: bool

    def __str__(self) -> str:
        words = [self.optimizer, self.runtime, self.schedule, f"{self.microbatches} microbatches"]
        return ", ".join([*words, *["skips"] * self.has_skips, "with crashes" if self.is_crashing else "undisturbed"])

    @property
    def training(self) -> Training:
        """The training."""
        return Training(
            network=SKIPPING if self.has_skips else CLASSIFIER,
            optimizer=EVERY_OPTIMIZER[self.optimizer],
            schedule=self.schedule,
            microbatches=self.microbatches,
        )


OTHERS = ((1, 2, 3), (False, True), (False, True))
CASES = [Case(*each) for each in product(EVERY_OPTIMIZER, HOSTS, DISCIPLINES, *OTHERS)]
ON_PROCESSES = one_of_each(
    (Case(*each) for each in product(EVERY_OPTIMIZER, ("processes",), DISCIPLINES, *OTHERS)),
    key=lambda case: (case.optimizer, case.schedule, case.is_crashing),
)


@pytest.mark.parametrize("case", [*matrix(CASES, sample=24, id=str), *matrix(ON_PROCESSES, sample=12, id=str)])
def test_every_optimizer_equals_the_plain_program(case: Case) -> None:
    crashes = tuple(each for each in CRASHES if case.is_crashing and each.microbatch < case.microbatches)
    outcome = disturbed(case.training, host_named(case.runtime), crashes=crashes)
    assert outcome.checkpoint.step == case.training.steps
    assert outcome.restarts >= len(crashes)
    assert outcome.fingerprints == fingerprints(expected(case.training))


@pytest.mark.parametrize("name", EVERY_OPTIMIZER)
def test_a_training_resumed_after_any_step_comes_to_the_same_bits(name: str) -> None:
    training = Training(optimizer=EVERY_OPTIMIZER[name])
    for cut in at_every_step(training)[1:-1]:
        learner = training.learner("inline")
        result = learner.train(training.dataset, epochs=2, batch_size=training.batch_size, resume=cut)
        assert fingerprints(result.checkpoint) == train(training).fingerprints


RATES = (
    "constant:0.1",
    "inverse_time:0.1:0.5",
    "stepwise:0.1:0.5:2",
    "exponential:0.1:0.8",
    "polynomial:0.1:4:power=2",
    "cosine:0.1:4:minimum=0.01",
    "cosine_restarts:0.1:1:t_mult=2",
    "one_cycle:0.2:6",
    "warmup:0.1:3",
    "warmup:2 cosine:0.1:4",
    "warmup:2 one_cycle:0.2:4:pct_start=0.5",
)


@pytest.mark.parametrize("rate", RATES)
def test_every_rule_equals_the_plain_program_whatever_crashes(rate: str) -> None:
    training = Training(optimizer=optimizer("sgd", learning_rate=rate, momentum=0.9))
    outcome = disturbed(training, host_named("inline"), crashes=CRASHES)
    assert outcome.restarts >= len(CRASHES)
    assert outcome.fingerprints == fingerprints(expected(training))


def test_every_optimizer_and_every_rule_is_tried() -> None:
    assert set(EVERY_OPTIMIZER) == set(OPTIMIZERS)
    assert {text.partition(":")[0] for text in RATES} == set(LEARNING_RATES)
