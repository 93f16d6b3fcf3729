"""Commits survive the store actors that have them, as long as one copy or the peer itself is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import RunFailedError
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.testing.left_behind import nothing_left_behind
from tests.rays import shared_ray
from tests.runtimes.processes.jobs import TRAINING, struck
from tests.runtimes.ray.test_kills import kill_process
from tests.trainings import fingerprints, undisturbed

MIDDLE = stage_address(2)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check that no actor and no thread outlives a run."""
    shared_ray()
    with nothing_left_behind():
        yield


def stores() -> list[int]:
    """Return the ids of the processes of store actors."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "CommitStore" in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


def kill_stores(count: int) -> None:
    for pid in stores()[:count]:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("copies", [1, 2])
def test_stores_that_die_are_replaced_and_filled_by_the_layers_that_commit_to_them(copies: int) -> None:
    checkpoint, _, job = struck(lambda job: kill_stores(copies), runtime=shared_ray(commit_copies=copies))
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 0


def test_a_layer_and_one_of_two_copies_may_die_together() -> None:
    def strike(job: SupervisedJob) -> None:
        kill_stores(1)
        kill_process(job, MIDDLE)

    checkpoint, _, job = struck(strike, runtime=shared_ray(commit_copies=2))
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 1


def test_a_layer_that_dies_with_all_copies_ends_the_run_and_says_so() -> None:
    def strike(job: SupervisedJob) -> None:
        kill_process(job, MIDDLE)
        kill_stores(1)

    lost = r"stage-2 had committed step \d+, and is restarted at step 0: all copies of its commits are lost"
    with pytest.raises(RunFailedError, match=lost):
        struck(strike, runtime=shared_ray())
