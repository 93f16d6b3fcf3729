"""Layers whose processes are killed or stopped from outside: the training comes to the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from annex_actors.protocol.events import PeerExited, PeerHung
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import ProcessesRuntime
from annex_actors.runtimes.hosting.job import SupervisedJob
from tests.runtimes.processes.jobs import TRAINING, process_of, struck
from tests.trainings import fingerprints, undisturbed


# The first layer, an inner one and that of the cost; the others are inner ones, too.
@pytest.mark.parametrize("layer", [0, 2, 4, *(pytest.param(inner, marks=pytest.mark.whole) for inner in (1, 3))])
def test_kill_9_of_a_layer_changes_nothing(layer: int) -> None:
    checkpoint, seen, job = struck(lambda job: process_of(job, stage_address(layer)).kill())
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    deaths = [event for event in seen.of(PeerExited) if not event.orderly]
    assert [(event.address, event.incarnation) for event in deaths] == [(stage_address(layer), 1)]
    assert deaths[0].reason.startswith("killed by SIGKILL")
    assert job.restarts == 1


def test_kill_9_of_every_layer_at_once_changes_nothing() -> None:
    def strike(job: SupervisedJob) -> None:
        for process in [process_of(job, spec.address) for spec in TRAINING.stage_specs()]:
            process.kill()

    checkpoint, _, job = struck(strike)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 5


def test_killed_spares_and_a_killed_fork_server_are_replaced() -> None:
    killed = list[int]()

    def strike(job: SupervisedJob) -> None:
        layers = {process_of(job, spec.address).pid for spec in TRAINING.stage_specs()}
        for process in psutil.Process().children(recursive=True):
            if process.pid not in layers:
                process.kill()
                killed.append(process.pid)
        process_of(job, stage_address(1)).kill()

    checkpoint, _, _ = struck(strike, spares=2)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert len(killed) == 3


def test_a_process_that_is_stopped_is_found_and_killed_and_nothing_changes() -> None:
    checkpoint, seen, _ = struck(lambda job: process_of(job, stage_address(1)).suspend(), hang_seconds=0.3)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert [event.address for event in seen.of(PeerHung)] == [stage_address(1)]
    death = next(event for event in seen.of(PeerExited) if not event.orderly)
    assert "for 0.3 s" in death.reason


LATE = """
import time
from annex_actors.runtimes.processes.worker import Worker
open_channel = Worker._open_channel

def late(self, connect):  # the delay is the fault that is injected; nothing waits for it to be over
    if self._child is not None:
        time.sleep(0.3)
    return open_channel(self, connect)

Worker._open_channel = late
"""


def test_nothing_is_sent_to_a_new_life_by_neighbours_who_have_not_heard_of_it(tmp_path: Path) -> None:
    """A prediction, which is sent but once, would be lost, and waited for without end."""
    file = tmp_path / "late.py"
    file.write_text(LATE)
    samples = np.zeros((3, 4), np.float32)
    learner, oracle = TRAINING.learner(ProcessesRuntime(spares=0)), TRAINING.learner("inline")
    learner.spec = replace(learner.spec, load=(str(file),))
    learner.checkpoint = oracle.checkpoint = TRAINING.initial
    with learner.serving() as predict:
        assert predict(samples).tobytes() == oracle.predict(samples).tobytes()


def test_a_new_life_beside_a_neighbour_that_is_stopped_is_heard_when_that_has_ended() -> None:
    def strike(job: SupervisedJob) -> None:
        process_of(job, stage_address(3)).suspend()
        process_of(job, stage_address(4)).kill()

    checkpoint, seen, _ = struck(strike, hang_seconds=1.0)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert [event.address for event in seen.of(PeerHung)] == [stage_address(3)]
