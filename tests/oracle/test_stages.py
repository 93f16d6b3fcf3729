"""Any number of stages gives the same bits, with every runtime and schedule."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from annex_actors.layers import activation, dense, dropout, sequence
from annex_actors.runtimes import Crash
from annex_actors.training.learner import Learner
from annex_actors.training.result import Result
from tests.oracle.plain import plain
from tests.trainings import CLASSES, Training, fingerprints

NETWORK = sequence(dense(9), activation("relu"), dropout(0.2), dense(6), activation("tanh"), dense(CLASSES))
ALL = len(NETWORK.layers) + 1
TRAINING = Training(network=NETWORK, microbatches=3)


def learner(stages: str | int, runtime: str, schedule: str = "1f1b") -> Learner:
    return Learner(
        NETWORK,
        cost=TRAINING.cost,
        optimizer=TRAINING.optimizer,
        microbatches=TRAINING.microbatches,
        schedule=schedule,
        runtime=runtime,
        stages=stages,
        seed=TRAINING.seed,
    )


def trained(each: Learner, *crashes: Crash) -> Result:
    return each.train(TRAINING.dataset, epochs=TRAINING.epochs, batch_size=TRAINING.batch_size, crashes=crashes)


@pytest.mark.parametrize(
    ("stages", "runtime", "schedule"),
    [
        *product(range(1, ALL + 1), ("inline", "threads", "schedulers", "processes", "ray"), ("1f1b",)),
        *product((1, 2, ALL), ("inline", "threads", "schedulers", "processes", "ray"), ("sequential", "gpipe")),
    ],
)
def test_any_number_of_stages_equals_the_plain_program(stages: int, runtime: str, schedule: str) -> None:
    result = trained(learner(stages, runtime, schedule))
    assert result.stages == stages
    assert fingerprints(result.checkpoint) == fingerprints(plain(TRAINING))


@pytest.mark.parametrize("runtime", ["inline", "threads", "schedulers", "processes", "ray"])
@pytest.mark.parametrize("layer", range(ALL))
def test_a_crash_of_any_layer_within_a_stage_changes_nothing(layer: int, runtime: str) -> None:
    result = trained(learner(2, runtime), Crash(layer=layer, step=1))
    assert result.restarts == 1
    assert fingerprints(result.checkpoint) == fingerprints(plain(TRAINING))


@pytest.mark.parametrize("runtime", ["inline", "threads", "schedulers", "processes", "ray"])
def test_predictions_are_those_of_a_layer_each(runtime: str) -> None:
    samples = TRAINING.dataset.test.inputs
    expected, *others = (learner(stages, runtime) for stages in ("layer", 1, 3))
    trained(expected)
    for each in others:
        trained(each)
        assert np.array_equal(each.predict(samples), expected.predict(samples))
