"""A small training on processes, as tests start it and find its processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import psutil

from annex_actors.placement.places import Places
from annex_actors.protocol.events import EpochFinished
from annex_actors.protocol.messages import Address
from annex_actors.runtimes import ProcessesRuntime, Program, Runtime, Supervision
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.hosting.workers.worker_child import WorkerRef
from annex_actors.runtimes.program import Observer
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.traced import traced
from tests.trainings import WIDE, Seen, Training, When, after_step, finish, supervised

TRAINING = Training(network=WIDE, microbatches=3)


def started(program: Program, runtime: Runtime | None = None) -> SupervisedJob:
    host = runtime or ProcessesRuntime(spares=0)
    return supervised(traced(program, host), host)


def process_of(job: SupervisedJob, address: Address) -> psutil.Process:
    ref = job.registry.whereis(address)
    assert isinstance(ref, WorkerRef)
    return psutil.Process(ref.worker.pid)


def struck(
    strike: Callable[[SupervisedJob], object],
    *,
    spares: int = 0,
    training: Training = TRAINING,
    runtime: Runtime | None = None,
    places: Places | None = None,
    **settings: object,
) -> tuple[Checkpoint, Seen, SupervisedJob]:
    """Train, and do something to the job once, when the cost of step 2 is known; the second epoch waits for it."""
    jobs, ready, done, seen = list[SupervisedJob](), threading.Event(), threading.Event(), Seen()

    def once() -> None:
        if not done.is_set():
            ready.wait()
            try:
                strike(jobs[0])
            finally:
                done.set()

    def hold(history: tuple[EpochFinished, ...]) -> bool:
        done.wait()
        return False

    observers: list[Observer] = [When(after_step(2), once), seen]
    supervision = Supervision(**settings)  # type: ignore[arg-type]
    program = training.program(observers=observers, supervision=supervision, halt=hold)
    program = replace(program, places=places or Places())
    jobs.append(started(program, runtime or ProcessesRuntime(spares=spares)))
    ready.set()
    return finish(jobs[0], program, training.initial), seen, jobs[0]
