"""A stage in any number of replicas gives the bits of the plain program: on every runtime, by every schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.layers import Network, activation, dense, dropout, l2, residual, sequence
from annex_actors.optimizers import Optimizer
from annex_actors.runtimes import InlineRuntime
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import ASYNCHRONOUS, SYNCHRONOUS
from tests.faults.plans import shuffled
from tests.layers.networks import NETWORKS, SmallNetwork
from tests.matrix import matrix, one_of_each
from tests.oracle.plain import expected
from tests.trainings import (
    CLASSES,
    CLASSIFIER,
    EVERY_OPTIMIZER,
    MOMENTUM,
    REGRESSOR,
    SHORT,
    SKIPPING,
    TUNED,
    Training,
    fingerprints,
    host_named,
    train,
    undisturbed,
)

SCHEDULES = [*(row.name for row in SYNCHRONOUS), "interleaved:2"]

WIDE = sequence(
    dense(160), activation("relu"), dropout(0.2), residual(l2(0.01, dense(160)), activation("tanh")), dense(CLASSES)
)
"""With weight gradients that replicas divide."""

TRAININGS: dict[str, Training] = {
    "wide layers": Training(network=WIDE, input_shape=(200,)),
    "wide layers, clipped": Training(network=WIDE, input_shape=(200,), clipping="global_norm:0.1", optimizer=MOMENTUM),
    "wide layers, each number clipped": Training(network=WIDE, input_shape=(200,), clipping="value:0.01"),
    "wide layers with averages": Training(network=WIDE, input_shape=(200,), ema_momentum=0.9),
    "wide layers in one": Training(network=WIDE, input_shape=(200,), stages=(range(0, 9),), clipping="layer_norm:0.1"),
    "dropout": Training(optimizer=MOMENTUM),
    "skips and state": Training(network=SKIPPING),
    "layers that learn otherwise": Training(network=TUNED, ema_momentum=0.9),
    "one layer": Training(network=SHORT),
    "a regression": Training(network=REGRESSOR, cost="mean_squared_error"),
    "the global norm clips": Training(network=TUNED, clipping="global_norm:0.1"),
    "each gradient is clipped": Training(clipping="value:0.01", weighted=True),
    "all in one": Training(stages=(range(0, 5),), clipping="global_norm:0.1"),
    "two halves": Training(network=SKIPPING, stages=(range(0, 4), range(4, 10)), in_files=True),
    "a plateau": Training(reduce_on_plateau="patience=1:factor=0.5:monitor=train_cost", epochs=4),
}
"""Thirteen samples in batches of five: the last microbatches are short, and the last batch too."""

WAYS = ("two", "three", "each another number")


@dataclass(frozen=True)
class Case:
    """One way to train."""

    name: str
    runtime: str
    schedule: str
    microbatches: int
    way: str

    def __str__(self) -> str:
        return f"{self.name}, {self.runtime}, {self.schedule}, {self.microbatches}, {self.way}"

    @property
    def alone(self) -> Training:
        """The training without replicas."""
        return replace(TRAININGS[self.name], schedule=self.schedule, microbatches=self.microbatches)

    @property
    def training(self) -> Training:
        """The training with replicas."""
        stages = len(self.alone.placement)
        counts = {"two": [2] * stages, "three": [3] * stages}.get(
            self.way, [1 + (2 * s + 1) % 4 for s in range(stages)]
        )
        return replace(self.alone, replicas=tuple(counts))


HOSTS = ("inline", "threads", "schedulers")
CASES = [Case(*each) for each in product(TRAININGS, HOSTS, SCHEDULES, (1, 2, 3, 5), WAYS)]
ON_PROCESSES, ON_RAY = (
    one_of_each(
        (Case(*each) for each in product(("dropout", "wide layers in one"), (host,), SCHEDULES, (2, 3), WAYS)),
        key=lambda case: (case.name, case.schedule),
    )
    for host in ("processes", "ray")
)
EACH_ONCE = one_of_each(CASES, key=lambda case: (case.name, case.runtime))
BY_EACH_SCHEDULE = one_of_each(CASES, key=lambda case: (case.schedule, case.way))


@pytest.mark.parametrize(
    "case",
    [
        *matrix([*EACH_ONCE, *BY_EACH_SCHEDULE], sample=40, id=str),
        *matrix(CASES, sample=10, id=str),
        *matrix(ON_PROCESSES, sample=1, id=str),
        *matrix(ON_RAY, sample=1, id=str),
    ],
)
def test_every_number_of_replicas_equals_the_plain_program(case: Case) -> None:
    outcome = train(case.training, host_named(case.runtime))
    assert outcome.fingerprints == fingerprints(expected(replace(case.alone, in_files=False)))
    assert outcome.history == undisturbed(case.alone).history


LAYERS = list(product(NETWORKS, ("1f1b", "zb-h1"), (1, 2, 3)))


WIDE_ONE = Training(network=WIDE, input_shape=(200,), microbatches=3, stages=(range(0, 9),))


@pytest.mark.parametrize("clipping", [None, "global_norm:0.1", "layer_norm:0.1"])
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER.values(), ids=EVERY_OPTIMIZER)
def test_replicas_divide_the_update_of_every_optimizer(optimizer: Optimizer, clipping: str | None) -> None:
    wide = replace(WIDE_ONE, optimizer=optimizer, clipping=clipping)
    outcome = train(replace(wide, replicas=(3,)))
    assert outcome.fingerprints == fingerprints(expected(wide))


@pytest.mark.parametrize("case", matrix(LAYERS, sample=10, id=lambda case: ", ".join(map(str, case))))
def test_every_layer_equals_the_plain_program(case: tuple[SmallNetwork, str, int]) -> None:
    network, schedule, microbatches = case
    training = network.training(schedule=schedule, microbatches=microbatches)
    stages = len(training.placement)
    outcome = train(replace(training, replicas=(2, 3) * (stages // 2) + (2,) * (stages % 2)))
    assert outcome.fingerprints == fingerprints(expected(training))


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_every_optimizer_equals_the_plain_program(optimizer: str) -> None:
    training = Training(optimizer=EVERY_OPTIMIZER[optimizer], microbatches=3)
    assert train(replace(training, replicas=(2, 1, 3, 2, 2))).fingerprints == fingerprints(expected(training))


@settings(deadline=None, print_blob=True, max_examples=25)
@given(
    network=st.sampled_from([CLASSIFIER, SKIPPING, TUNED]),
    schedule=st.sampled_from(SCHEDULES),
    microbatches=st.integers(1, 6),
    order=st.integers(0, 2**32),
    data=st.data(),
)
def test_no_order_of_events_and_no_numbers_of_replicas_change_a_bit(
    network: Network, schedule: str, microbatches: int, order: int, data: st.DataObject
) -> None:
    alone = Training(network=network, schedule=schedule, microbatches=microbatches)
    stages = len(alone.placement)
    replicas = data.draw(st.lists(st.integers(1, 4), min_size=stages, max_size=stages), label="replicas")
    outcome = train(replace(alone, replicas=tuple(replicas)), InlineRuntime(shuffled(order)))
    assert outcome.fingerprints == undisturbed(alone).fingerprints
    assert outcome.history == undisturbed(alone).history


@pytest.mark.parametrize("row", ASYNCHRONOUS, ids=lambda row: row.name)
def test_a_schedule_whose_steps_overlap_takes_no_replicas(row: Discipline) -> None:
    training = Training(schedule=row.name, microbatches=1, replicas=(1, 2, 1, 1, 1))
    with pytest.raises(ConfigError, match=f"a synchronous schedule for a stage in 2 replicas, got {row.name}; choose"):
        training.program()
