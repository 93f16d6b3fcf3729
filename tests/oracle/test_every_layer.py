"""Every layer gives the bits of the plain program: on every runtime, by every schedule, and with crashes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from annex_actors.runtimes import Crash
from annex_actors.schedules.table import DISCIPLINES
from tests.faults.plans import disturbed
from tests.layers.networks import NETWORKS, SmallNetwork, unused
from tests.matrix import matrix, one_of_each
from tests.oracle.plain import expected
from tests.trainings import Training, fingerprints, host_named

HOSTS = ("inline", "threads", "schedulers")


@dataclass(frozen=True)
class Case:
    """One way to train one network."""

    network: SmallNetwork
    runtime: str
    schedule: str
    microbatches: int
    is_crashing: bool

    def __str__(self) -> str:
        crashes = "with crashes" if self.is_crashing else "undisturbed"
        return f"{self.network}, {self.runtime}, {self.schedule}, {self.microbatches}, {crashes}"

    @property
    def training(self) -> Training:
        """The training."""
        return self.network.training(schedule=self.schedule, microbatches=self.microbatches)

    @property
    def crashes(self) -> tuple[Crash, ...]:
        """A crash of each layer, at another step and microbatch."""
        if not self.is_crashing:
            return ()
        training = self.training
        layers = range(len(training.network.layers) + 1)
        return tuple(
            Crash(layer=layer, step=layer % training.steps, microbatch=layer % self.microbatches) for layer in layers
        )


OTHERS = ((1, 2, 3), (False, True))
CASES = [Case(*each) for each in product(NETWORKS, HOSTS, DISCIPLINES, *OTHERS)]
ON_PROCESSES = one_of_each(
    (Case(*each) for each in product(NETWORKS, ("processes",), DISCIPLINES, *OTHERS)),
    key=lambda case: (str(case.network), case.schedule, case.is_crashing),
)

EACH_ONCE = [Case(each, host, "1f1b", 2, True) for each in NETWORKS for host in HOSTS]


@pytest.mark.parametrize("case", [*matrix(CASES, sample=8, id=str), *matrix(ON_PROCESSES, sample=12, id=str)])
def test_every_layer_equals_the_plain_program(case: Case) -> None:
    outcome = disturbed(case.training, host_named(case.runtime), crashes=case.crashes)
    assert outcome.checkpoint.step == case.training.steps
    assert outcome.fingerprints == fingerprints(expected(case.training))
    assert (outcome.restarts > 0) == case.is_crashing


@pytest.mark.parametrize("case", EACH_ONCE, ids=str)
def test_every_layer_equals_the_plain_program_on_each_host_of_one_process(case: Case) -> None:
    outcome = disturbed(case.training, host_named(case.runtime), crashes=case.crashes)
    assert outcome.fingerprints == fingerprints(expected(case.training))


def test_every_layer_of_the_table_is_in_one_of_the_networks() -> None:
    assert unused() == set()
