"""Actors and whole nodes are killed, again and again, and others join: no bit changes."""

from __future__ import annotations

import pytest

from annex_actors.experiments.chaos import chaos
from annex_actors.experiments.fault_log import FaultKind
from annex_actors.runtimes import RayRuntime
from annex_actors.runtimes.program import Supervision
from tests.trainings import Training


@pytest.mark.whole
@pytest.mark.timeout(3600)
def test_killed_nodes_and_actors_change_no_bit() -> None:
    ray = pytest.importorskip("ray")
    ray.shutdown()  # that of other tests: a process joins one cluster at a time
    training = Training(schedule="1f1b", microbatches=2)
    verdict = chaos(
        training.learner(RayRuntime(), Supervision(hang_seconds=3.0)),
        training.dataset,
        epochs=200,
        batch_size=training.batch_size,
        faults=200,
        pause_s=0.5,
        nodes=3,
    )
    assert [each.error for each in verdict.rounds if each.error] == []
    assert verdict.identical
    assert verdict.faults[FaultKind.NODE]
