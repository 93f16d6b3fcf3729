"""Whatever ends an actor, its process or a store of commits, the bits stay the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from annex_actors.protocol.events import PeerExited, PeerHung
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.hosting.workers.worker_child import WorkerRef
from annex_actors.testing.left_behind import nothing_left_behind
from tests.rays import shared_ray
from tests.runtimes.processes.jobs import TRAINING, struck
from tests.trainings import fingerprints, undisturbed

MIDDLE, NEXT = stage_address(2), stage_address(3)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check that no actor and no thread outlives a run."""
    shared_ray()
    with nothing_left_behind():
        yield


def worker(job: SupervisedJob, address: Address) -> WorkerRef:
    ref = job.registry.whereis(address)
    assert isinstance(ref, WorkerRef)
    return ref


def kill_process(job: SupervisedJob, address: Address = MIDDLE) -> None:
    pid = worker(job, address).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def kill_actor(job: SupervisedJob) -> None:
    import ray

    ray.kill(worker(job, MIDDLE).worker.handle)  # type: ignore[attr-defined]


def kill_two_neighbours(job: SupervisedJob) -> None:
    kill_process(job, MIDDLE)
    kill_process(job, NEXT)


def kill_a_neighbour_of_the_trainer_and_the_trainer(job: SupervisedJob) -> None:
    kill_process(job, stage_address(0))
    trainer = job.peer(TRAINER)
    assert trainer is not None
    trainer.kill()


KILLS = [kill_process, kill_actor, kill_two_neighbours, kill_a_neighbour_of_the_trainer_and_the_trainer]


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_a_kill_changes_nothing(kill: Callable[[SupervisedJob], None]) -> None:
    checkpoint, seen, job = struck(kill, runtime=shared_ray(commit_every=4, spares=1))
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert job.restarts >= 1
    assert any(not event.orderly for event in seen.of(PeerExited))


def test_an_actor_that_is_stopped_is_found_and_killed_and_nothing_changes() -> None:
    def stop(job: SupervisedJob) -> None:
        pid = worker(job, MIDDLE).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

    checkpoint, seen, _ = struck(stop, runtime=shared_ray(spares=1), hang_seconds=2.0)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert MIDDLE in [event.address for event in seen.of(PeerHung)]
