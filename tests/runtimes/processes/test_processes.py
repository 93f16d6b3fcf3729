"""Runs on processes: what each process is given, and what a run keeps."""

from __future__ import annotations

import os

import pytest

from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import Crash, CrashPlan, ProcessesRuntime, RunFailedError, Supervision
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from tests.runtimes.processes.jobs import TRAINING, process_of, started
from tests.trainings import Training, at_every_step, fingerprints, finish


def test_each_process_can_have_a_core_of_its_own() -> None:
    cores = sorted(os.sched_getaffinity(0))
    program = TRAINING.program()
    job = started(program, ProcessesRuntime(affinity=True, spares=0))
    own = [process_of(job, spec.address).cpu_affinity() for spec in program.stages]
    finish(job, program, TRAINING.initial)
    assert own == [[cores[at % len(cores)]] for at in range(5)]


def test_a_run_goes_on_from_what_its_store_holds() -> None:
    program = TRAINING.program()
    first = finish(started(program), program, TRAINING.initial)
    again = started(program)
    assert fingerprints(finish(again, program, TRAINING.initial)) == fingerprints(first)


@pytest.mark.parametrize("schedule", ["1f1b", "2bw", "pipedream"])
@pytest.mark.parametrize(("every", "commit_every"), [(3, 4), (2, 1)])
@pytest.mark.parametrize("layer", [0, 3])
def test_a_failed_run_keeps_the_last_step_that_all_committed_whatever_a_checkpoint_has_copied_before(
    schedule: str, every: int, commit_every: int, layer: int
) -> None:
    """All layers but one commit step 6 for the next checkpoint and have it copied; one fails to commit it."""
    training = Training(schedule=schedule, microbatches=1, epochs=3)
    addresses = [spec.address for spec in training.stage_specs()]
    store = MemoryStore(addresses, depth=training.overlap + 1, every=every)
    crash = Crash(layer=layer, step=5, at=Point.COMMIT, times=9)
    program = training.program(store=store, crashes=CrashPlan([crash]), supervision=Supervision(max_attempts=1))
    job = started(program, ProcessesRuntime(spares=0, commit_every=commit_every))
    with pytest.raises(RunFailedError, match=rf"layer {layer} .* failed in commit at step 5"):
        finish(job, program, training.initial)
    committed = 4 if commit_every == 4 else 5
    checkpoint = Checkpoint.gather(store, addresses, training.initial)
    assert checkpoint.step == committed
    assert fingerprints(checkpoint) == fingerprints(at_every_step(training)[committed])
