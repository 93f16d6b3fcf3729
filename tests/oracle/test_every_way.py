"""Every way to train a network gives the same weights, optimizer slots and costs, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import pytest

from annex_actors.layers import Network, activation, dense, dropout, sequence
from annex_actors.optimizers import Optimizer
from annex_actors.schedules.table import DISCIPLINES
from tests.matrix import matrix
from tests.oracle.plain import expected, plain
from tests.trainings import (
    ADAM,
    CLASSES,
    CLASSIFIER,
    MOMENTUM,
    REGRESSOR,
    SHORT,
    SKIPPING,
    TUNED,
    Training,
    fingerprints,
    host_named,
    train,
)

HOSTS = ("inline", "threads", "schedulers", "processes", "ray")

DEEP = sequence(dense(7), activation("relu"), dropout(0.2), dense(6), activation("tanh"), dropout(0.5), dense(CLASSES))

NETWORKS: dict[str, tuple[Network, str, Optimizer]] = {
    "classifier": (CLASSIFIER, "softmax_cross_entropy", ADAM),
    "deep classifier": (DEEP, "softmax_cross_entropy", MOMENTUM),
    "skips and state": (SKIPPING, "softmax_cross_entropy", ADAM),
    "layers that learn otherwise": (TUNED, "softmax_cross_entropy", ADAM),
    "one layer": (SHORT, "softmax_cross_entropy", MOMENTUM),
    "regression": (REGRESSOR, "mean_squared_error", ADAM),
    "questions": (sequence(dense(4), activation("softmax"), dense(2)), "sigmoid_cross_entropy", MOMENTUM),
}

BATCHES: dict[str, tuple[int, int]] = {
    "even batches": (16, 8),
    "a short last batch": (23, 10),
    "a last batch of one": (21, 10),
    "one batch": (9, 32),
}
"""The number of samples, and the batch size."""

PLACEMENTS = ("a layer each", "all in one", "two halves", "the cost with the last layer")


@dataclass(frozen=True)
class Case:
    """One way to train."""

    runtime: str
    schedule: str
    microbatches: int
    batches: str
    network: str
    placement: str

    def __str__(self) -> str:
        m = f"{self.microbatches} microbatches"
        return f"{self.runtime}, {self.schedule}, {m}, {self.batches}, {self.network}, {self.placement}"

    @property
    def training(self) -> Training:
        network, cost, optimizer = NETWORKS[self.network]
        size, batch_size = BATCHES[self.batches]
        return Training(
            network=network,
            cost=cost,
            optimizer=optimizer,
            schedule=self.schedule,
            microbatches=self.microbatches,
            size=size,
            batch_size=batch_size,
            stages=stages(self.placement, len(network.layers)),
        )


def stages(placement: str, layers: int) -> tuple[range, ...] | None:
    """Return the layers of each stage; the cost counts as the layer after the last."""
    half = (layers + 1) // 2
    return {
        "a layer each": None,
        "all in one": (range(layers + 1),),
        "two halves": (range(half), range(half, layers + 1)),
        "the cost with the last layer": (
            *(range(at, at + 1) for at in range(layers - 1)),
            range(layers - 1, layers + 1),
        ),
    }[placement]


CASES = [Case(*each) for each in product(HOSTS, DISCIPLINES, (1, 2, 3, 8), BATCHES, NETWORKS, PLACEMENTS)]


@pytest.mark.parametrize("case", matrix(CASES, sample=90, id=str, together=2))
def test_every_way_to_train_equals_the_plain_program(case: Case) -> None:
    outcome = train(case.training, host_named(case.runtime))
    assert outcome.checkpoint.step == case.training.steps
    assert outcome.fingerprints == fingerprints(expected(case.training))


CLIPPINGS = ("value:0.01", "layer_norm:0.05", "global_norm:0.1")
CLIPPED = list(product(HOSTS, DISCIPLINES, CLIPPINGS, ("classifier", "layers that learn otherwise"), PLACEMENTS))


@pytest.mark.parametrize("case", matrix(CLIPPED, sample=30, id=", ".join, together=2))
def test_every_way_to_clip_equals_the_plain_program(case: tuple[str, str, str, str, str]) -> None:
    host, schedule, clipping, network, placement = case
    training = replace(Case(host, schedule, 3, "a short last batch", network, placement).training, clipping=clipping)
    assert train(training, host_named(host)).fingerprints == fingerprints(expected(training))


TOGETHER = list(
    product(HOSTS, DISCIPLINES, ("classifier", "layers that learn otherwise", "skips and state"), PLACEMENTS)
)


@pytest.mark.parametrize("case", matrix(TOGETHER, sample=20, id=", ".join, together=2))
def test_clipping_averages_and_plateaus_together_equal_the_plain_program(case: tuple[str, str, str, str]) -> None:
    host, schedule, network, placement = case
    training = replace(
        Case(host, schedule, 3, "a last batch of one", network, placement).training,
        clipping="global_norm:0.1",
        ema_momentum=0.8,
        reduce_on_plateau="monitor=train_cost:patience=0:factor=0.5:min_delta=9.0",
        epochs=3,
    )
    assert train(training, host_named(host)).fingerprints == fingerprints(expected(training))


def costly(host: str, microbatches: int) -> bool:
    """Return whether a case runs only with ``--whole``: it starts a process for each layer."""
    return host in ("processes", "ray") and microbatches != 3


SCHEDULES_AND_MICROBATCHES = [
    pytest.param(*case, marks=[pytest.mark.whole] if costly(case[0], case[2]) else [])
    for case in product(HOSTS, DISCIPLINES, (1, 2, 3, 8))
]


@pytest.mark.parametrize(("host", "schedule", "microbatches"), SCHEDULES_AND_MICROBATCHES)
def test_every_runtime_schedule_and_number_of_microbatches_equals_the_plain_program(
    host: str, schedule: str, microbatches: int
) -> None:
    training = Training(schedule=schedule, microbatches=microbatches, size=23, batch_size=10)
    assert train(training, host_named(host)).fingerprints == fingerprints(expected(training))


@pytest.mark.parametrize("schedule", DISCIPLINES)
@pytest.mark.parametrize("host", HOSTS)
def test_wide_layers_whose_products_a_library_cuts_into_blocks_equal_the_plain_program(
    host: str, schedule: str
) -> None:
    wide = sequence(dense(160), activation("relu"), dropout(0.2), dense(96), activation("sigmoid"), dense(CLASSES))
    training = Training(network=wide, schedule=schedule, microbatches=3, size=210, batch_size=80)
    assert train(training, host_named(host)).fingerprints == fingerprints(expected(training))


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("host", HOSTS)
def test_every_seed_equals_the_plain_program(host: str, seed: int) -> None:
    training = Training(seed=seed, microbatches=3)
    assert train(training, host_named(host)).fingerprints == fingerprints(plain(training))


def test_the_schedules_fall_into_classes_of_equal_weights() -> None:
    classes: dict[str, set[str]] = {}
    for schedule in DISCIPLINES:
        training = Training(schedule=schedule, microbatches=3, size=23, batch_size=10)
        classes.setdefault(train(training).checkpoint.weights_sha256, set()).add(schedule)
    exact = {"sequential", "gpipe", "1f1b", "1f1b-latency-hiding", "interleaved"}
    alone = [{each} for each in ("pipedream", "pipedream-vertical", "2bw", "no-stash")]
    assert sorted(map(sorted, classes.values())) == sorted(map(sorted, [exact, {"zb-h1", "zb-h2"}, *alone]))


def test_seeds_differ() -> None:
    assert len({fingerprints(plain(Training(seed=seed))) for seed in range(4)}) == 4


def test_another_number_of_microbatches_is_close_and_not_the_same() -> None:
    one, three = (plain(Training(network=REGRESSOR, cost="mean_squared_error", microbatches=m)) for m in (1, 3))
    assert one.weights_sha256 != three.weights_sha256
    assert one.costs == pytest.approx(three.costs, rel=1e-4)
