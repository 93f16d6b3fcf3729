"""Actors and whole nodes are killed, again and again, and others join: no bit changes."""

from __future__ import annotations

import pytest

from annex_actors.experiments.chaos import chaos
from annex_actors.experiments.fault_log import FaultKind
from annex_actors.runtimes import RayRuntime
from annex_actors.runtimes.program import Supervision
from tests.trainings import Training


def test_killed_nodes_and_actors_change_no_bit(whole: bool) -> None:
    ray = pytest.importorskip("ray")
    ray.shutdown()  # that of other tests: a process joins one cluster at a time
    training = Training(schedule="1f1b", microbatches=2)
    verdict = chaos(
        training.learner(RayRuntime(), Supervision(hang_seconds=3.0)),
        training.dataset,
        epochs=1000 if whole else 60,
        batch_size=training.batch_size,
        faults=200 if whole else 4,
        pause_s=0.5,
        kinds=None if whole else [FaultKind.NODE, FaultKind.KILL],
        nodes=3,
    )
    assert [each.error for each in verdict.rounds if each.error] == []
    assert verdict.identical
    assert verdict.faults[FaultKind.NODE]
