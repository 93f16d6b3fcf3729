"""A small training on processes, as tests start it and find its processes."""

from __future__ import annotations

import psutil

from annex_actors.protocol.messages import Address
from annex_actors.runtimes import ProcessesRuntime, Program
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.processes.process_child import ProcessRef
from tests.trainings import Training, supervised

TRAINING = Training(microbatches=3)


def started(program: Program, runtime: ProcessesRuntime | None = None) -> SupervisedJob:
    return supervised(program, runtime or ProcessesRuntime(spares=0))


def process_of(job: SupervisedJob, address: Address) -> psutil.Process:
    ref = job.registry.whereis(address)
    assert isinstance(ref, ProcessRef)
    return psutil.Process(ref.process.pid)
