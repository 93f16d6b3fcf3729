"""With torch's matrix products too, every way to train gives the same bits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from annex_actors.layers import activation, dense, dropout, sequence
from tests.oracle.plain import plain
from tests.trainings import CLASSES, CLASSIFIER, REGRESSOR, Training, fingerprints, host_named, train

pytest.importorskip("torch")

from annex_actors.layers import TorchKernels

TORCH = TorchKernels()
RUNTIMES, SCHEDULES = ("inline", "threads", "schedulers", "processes"), ("sequential", "gpipe", "1f1b")
WIDE = sequence(dense(160), activation("relu"), dropout(0.2), dense(96), activation("sigmoid"), dense(CLASSES))


@pytest.mark.parametrize(("host", "schedule", "microbatches"), list(product(RUNTIMES, SCHEDULES, (1, 2, 3, 8))))
def test_every_runtime_schedule_and_number_of_microbatches_equals_the_plain_program(
    host: str, schedule: str, microbatches: int
) -> None:
    network = CLASSIFIER.with_kernels(TORCH)
    training = Training(network=network, schedule=schedule, microbatches=microbatches, size=23, batch_size=10)
    assert train(training, host_named(host)).fingerprints == fingerprints(plain(training))


@pytest.mark.parametrize("host", RUNTIMES)
def test_regression_equals_the_plain_program(host: str) -> None:
    training = Training(network=REGRESSOR.with_kernels(TORCH), cost="mean_squared_error", microbatches=3)
    assert train(training, host_named(host)).fingerprints == fingerprints(plain(training))


@pytest.mark.parametrize("host", RUNTIMES)
def test_wide_layers_whose_products_a_library_cuts_into_blocks_equal_the_plain_program(host: str) -> None:
    training = Training(network=WIDE.with_kernels(TORCH), microbatches=3, size=210, batch_size=80)
    assert train(training, host_named(host)).fingerprints == fingerprints(plain(training))


@pytest.mark.parametrize("stages", [(range(0, 7),), (range(0, 3), range(3, 7))], ids=["all in one", "two halves"])
def test_every_placement_equals_the_plain_program(stages: tuple[range, ...]) -> None:
    training = Training(network=WIDE.with_kernels(TORCH), microbatches=3, stages=stages)
    assert train(training).fingerprints == fingerprints(plain(training))


def test_the_weights_are_close_to_those_of_numpy_and_not_the_same() -> None:
    ours, theirs = (plain(Training(network=net, size=80, batch_size=40)) for net in (WIDE, WIDE.with_kernels(TORCH)))
    assert ours.weights_sha256 != theirs.weights_sha256
    for name, weights in ours.weights.items():
        np.testing.assert_allclose(theirs.weights[name], weights, rtol=0.05, atol=0.02)
