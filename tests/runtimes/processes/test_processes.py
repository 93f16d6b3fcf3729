"""Layers in processes: real deaths of every kind, and no end of a run leaves anything behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Activation, Saved
from annex_actors.layers.functions import Relu
from annex_actors.protocol.events import EpochFinished, PeerExited, PeerHung
from annex_actors.protocol.instrument import Point
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import (
    Crash,
    CrashPlan,
    ProcessesRuntime,
    Program,
    RunFailedError,
    Supervision,
    ThreadsRuntime,
)
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.processes.process_child import ProcessRef
from annex_actors.runtimes.program import Observer
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from tests.trainings import (
    Seen,
    Training,
    When,
    after_step,
    at_every_step,
    carry_out,
    fingerprints,
    finish,
    undisturbed,
)

TRAINING = Training(microbatches=3)
TIMEOUT_S = 60.0


def started(program: Program, runtime: ProcessesRuntime | None = None) -> SupervisedJob:
    job = (runtime or ProcessesRuntime(spares=0)).start(program)
    assert isinstance(job, SupervisedJob)
    return job


def process_of(job: SupervisedJob, address: Address) -> psutil.Process:
    ref = job.registry.whereis(address)
    assert isinstance(ref, ProcessRef)
    return psutil.Process(ref.process.pid)


def disturbed(
    disturb: Callable[[SupervisedJob], object], *, spares: int = 0, **settings: object
) -> tuple[Checkpoint, Seen, SupervisedJob]:
    """Train, and call ``disturb`` once, when the cost of step 2 is known; the second epoch waits for it."""
    jobs, ready, done, seen = list[SupervisedJob](), threading.Event(), threading.Event(), Seen()

    def once() -> None:
        if not done.is_set():
            ready.wait()
            try:
                disturb(jobs[0])
            finally:
                done.set()

    def hold(history: tuple[EpochFinished, ...]) -> bool:
        done.wait()
        return False

    observers: list[Observer] = [When(after_step(2), once), seen]
    supervision = Supervision(**settings)  # type: ignore[arg-type]
    program = TRAINING.program(observers=observers, supervision=supervision, halt=hold)
    jobs.append(started(program, ProcessesRuntime(spares=spares)))
    ready.set()
    return finish(jobs[0], program, TRAINING.initial), seen, jobs[0]


@pytest.mark.parametrize("layer", range(5))
def test_kill_9_of_a_layer_changes_nothing(layer: int) -> None:
    checkpoint, seen, job = disturbed(lambda job: process_of(job, stage_address(layer)).kill())
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    deaths = [event for event in seen.of(PeerExited) if not event.orderly]
    assert [(event.address, event.incarnation) for event in deaths] == [(stage_address(layer), 1)]
    assert deaths[0].reason.startswith("killed by SIGKILL")
    assert job.restarts == 1


def test_kill_9_of_every_layer_at_once_changes_nothing() -> None:
    def disturb(job: SupervisedJob) -> None:
        for process in [process_of(job, spec.address) for spec in TRAINING.stage_specs()]:
            process.kill()

    checkpoint, _, job = disturbed(disturb)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 5


def test_a_killed_spare_is_replaced() -> None:
    killed = list[int]()

    def disturb(job: SupervisedJob) -> None:
        layers = {process_of(job, spec.address).pid for spec in TRAINING.stage_specs()}
        for process in psutil.Process().children(recursive=True):
            if process.pid not in layers:
                process.kill()
                killed.append(process.pid)
        process_of(job, stage_address(1)).kill()

    checkpoint, _, _ = disturbed(disturb, spares=2)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert len(killed) == 2


def test_a_stopped_process_is_found_and_killed_and_nothing_changes() -> None:
    checkpoint, seen, _ = disturbed(lambda job: process_of(job, stage_address(1)).suspend(), hang_seconds=0.3)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert [event.address for event in seen.of(PeerHung)] == [stage_address(1)]
    death = next(event for event in seen.of(PeerExited) if not event.orderly)
    assert "for 0.3 s" in death.reason


LATE = """
import time
from annex_actors.runtimes.processes.worker import Worker
connect = Worker._connect

def late(self, peer, fd):  # the delay is the injected fault; no test waits for its end
    if self._child is not None:
        time.sleep(0.3)
    connect(self, peer, fd)

Worker._connect = late
"""


def test_the_trainer_learns_of_a_new_incarnation_after_all_its_neighbours(tmp_path: Path) -> None:
    """Else a prediction, which is sent only once, would be lost, and the run would wait for it for ever."""
    file = tmp_path / "late.py"
    file.write_text(LATE)
    samples = np.zeros((3, 4), np.float32)
    learner, oracle = TRAINING.learner(ProcessesRuntime(spares=0)), TRAINING.learner("inline")
    learner.spec = replace(learner.spec, load=(str(file),))
    learner.checkpoint = oracle.checkpoint = TRAINING.initial
    assert learner.predict(samples).tobytes() == oracle.predict(samples).tobytes()


def test_the_trainer_learns_of_a_new_incarnation_when_a_stopped_neighbour_has_ended() -> None:
    def disturb(job: SupervisedJob) -> None:
        process_of(job, stage_address(3)).suspend()
        process_of(job, stage_address(4)).kill()

    checkpoint, seen, _ = disturbed(disturb, hang_seconds=1.0)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert [event.address for event in seen.of(PeerHung)] == [stage_address(3)]


# What ends in a layer's own code


@dataclass(frozen=True)
class Deadly(Activation):
    """A relu that calls a function at its eighth forward and at some after it."""

    path: Path = field(kw_only=True)
    deed: Callable[[], object] = field(kw_only=True)
    times: int = field(default=1, kw_only=True)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        if key is not None and key.step == 2 and key.microbatch == 1 and self._count() <= self.times:
            self.deed()
        return super().forward(parameters, inputs, key)

    def _count(self) -> int:
        with self.path.open("ab") as file:
            file.write(b".")
        return self.path.stat().st_size


def crash_hard() -> None:
    ctypes.string_at(0)


def leave() -> None:
    sys.stderr.write("the licence has run out\n")
    sys.stderr.flush()
    os._exit(3)


def never_return() -> None:
    while True:
        pass


def hold_the_interpreter() -> None:
    ctypes.PyDLL(None).pause()  # PyDLL does not release the interpreter's lock


def train_on_threads() -> None:
    carry_out(TRAINING.program(), ThreadsRuntime(), TRAINING.initial)


def program_with(
    tmp_path: Path,
    deed: Callable[[], object],
    times: int = 1,
    *,
    observers: tuple[Observer, ...] = (),
    **settings: object,
) -> Program:
    stages = TRAINING.stage_specs()
    deadly = replace(stages[1], layers=(Deadly(Relu(), path=tmp_path / "count", deed=deed, times=times),))
    program = TRAINING.program(observers=observers, supervision=Supervision(**settings))  # type: ignore[arg-type]
    return replace(program, stages=(stages[0], deadly, *stages[2:]))


def deaths(seen: Seen) -> list[str]:
    return [event.reason for event in seen.of(PeerExited) if not event.orderly]


def test_a_layer_may_itself_train_a_network(tmp_path: Path) -> None:
    seen = Seen()
    program = program_with(tmp_path, train_on_threads, observers=(seen,))
    finish(started(program), program, TRAINING.initial)
    assert (tmp_path / "count").exists()
    assert deaths(seen) == []


def test_a_segmentation_fault_ends_one_layer_and_changes_nothing(tmp_path: Path) -> None:
    seen = Seen()
    program = program_with(tmp_path, crash_hard, observers=(seen,))
    assert fingerprints(finish(started(program), program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert deaths(seen) == ["killed by SIGSEGV in forward at step 2 microbatch 1"]


def test_a_segmentation_fault_at_the_same_message_again_and_again_ends_the_run_and_names_it(tmp_path: Path) -> None:
    program = program_with(tmp_path, crash_hard, times=100)
    job = started(program)
    with pytest.raises(RunFailedError) as caught:
        finish(job, program, TRAINING.initial)
    assert str(caught.value) == (
        "layer 1 relu: killed by SIGSEGV in forward at step 2 microbatch 1 (failed 3 times at the same message)"
    )


def test_a_crash_is_logged_once_with_the_traceback_of_its_process(caplog: pytest.LogCaptureFixture) -> None:
    program = TRAINING.program(crashes=CrashPlan([Crash(layer=1, step=2)]))
    finish(started(program), program, TRAINING.initial)
    (record,) = caplog.records
    assert record.getMessage().startswith("run/layers: child_terminated: child 'stage-1' (incarnation 1): ")
    assert caplog.text.count("InjectedCrash: crash on order") == 1


def test_an_exit_is_a_death_and_what_was_written_to_standard_error_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    program = program_with(tmp_path, leave, observers=(seen,))
    assert fingerprints(finish(started(program), program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert deaths(seen) == ["ended with exit code 3 in forward at step 2 microbatch 1"]
    assert "the licence has run out" in caplog.text


@pytest.mark.parametrize("deed", [never_return, hold_the_interpreter])
def test_a_layer_that_never_returns_is_found_and_killed_and_nothing_changes(
    tmp_path: Path, deed: Callable[[], object]
) -> None:
    seen = Seen()
    program = program_with(tmp_path, deed, observers=(seen,), hang_seconds=0.3)
    assert fingerprints(finish(started(program), program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert [(event.address, event.place) for event in seen.of(PeerHung)] == [
        (stage_address(1), "forward at step 2 microbatch 1")
    ]


def test_a_layer_that_hangs_at_the_same_message_again_and_again_ends_the_run_and_names_it(tmp_path: Path) -> None:
    program = program_with(tmp_path, never_return, times=100, hang_seconds=0.2)
    job = started(program)
    with pytest.raises(RunFailedError, match=r"layer 1 relu: hung for .* s in forward at step 2 microbatch 1"):
        finish(job, program, TRAINING.initial)


# What is given


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


# Ends of the whole

SCRIPT = """
import sys
from tests.trainings import Training, When, after_step
from annex_actors.runtimes import ProcessesRuntime
if __name__ == "__main__":
    training = Training(epochs=100000)
    program = training.program(observers=[When(after_step(2), lambda: print("works", flush=True))])
    job = ProcessesRuntime(spares=1).start(program)
    job.wait()
"""


@contextmanager
def working(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Start a training in a process of its own; yield the process and its layers once they work; kill it at the end."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    job = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    with job:
        try:
            assert job.stdout is not None
            assert job.stdout.readline() == "works\n"
            layers = psutil.Process(job.pid).children()
            assert len(layers) == 6
            yield job, layers
        finally:
            job.kill()


def test_kill_9_of_the_job_leaves_no_process(tmp_path: Path) -> None:
    with working(tmp_path) as (job, layers):
        job.kill()
        job.communicate()
        _, alive = psutil.wait_procs(layers, timeout=TIMEOUT_S)
        assert alive == []


def test_kill_9_of_the_job_leaves_no_process_not_even_a_stopped_one(tmp_path: Path) -> None:
    with working(tmp_path) as (job, layers):
        layers[0].suspend()
        job.kill()
        job.communicate()
        _, alive = psutil.wait_procs(layers, timeout=TIMEOUT_S)
        assert alive == []


def test_kill_9_of_everything_leaves_no_file(tmp_path: Path) -> None:
    with working(tmp_path) as (job, layers):
        for process in [*layers, psutil.Process(job.pid)]:
            process.kill()
        job.communicate()
        psutil.wait_procs(layers, timeout=TIMEOUT_S)
        assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_a_ctrl_c_at_the_terminal_reaches_the_supervising_process_alone(tmp_path: Path) -> None:
    """The terminal signals a process group, and each layer has one of its own."""
    with working(tmp_path) as (job, layers):
        assert {os.getpgid(layer.pid) for layer in layers} == {layer.pid for layer in layers}
        job.send_signal(signal.SIGINT)
        job.communicate()
        assert job.returncode != 0
        _, alive = psutil.wait_procs(layers, timeout=TIMEOUT_S)
        assert alive == []
