"""Readers that are killed, and files that change while a reader reads them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annex_actors import Learner, RunFailedError, dense, sequence
from annex_actors.base.errors import DataError
from annex_actors.base.types import Array
from annex_actors.data import Dataset, open_array
from annex_actors.data.sources.stored import StoredInputs, as_inputs
from annex_actors.protocol.events import Event, PeerExited, StepFinished
from annex_actors.protocol.routing import READER
from annex_actors.runtimes import Job, Supervision
from tests.leaks import nothing_left
from tests.readmes import ROOT
from tests.runtimes.processes.jobs import TRAINING, process_of, struck
from tests.trainings import (
    ArraySource,
    When,
    after_step,
    at_every_step,
    fingerprints,
    finish,
    host_named,
    undisturbed,
)

HOSTS = ("inline", "threads", "schedulers", "processes", "ray")


def test_kill_9_of_the_reader_changes_nothing() -> None:
    in_files = replace(TRAINING, in_files=True)
    checkpoint, seen, job = struck(lambda job: process_of(job, READER).kill(), training=in_files)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    deaths = [event for event in seen.of(PeerExited) if not event.orderly]
    assert [(event.address, event.incarnation) for event in deaths] == [(READER, 1)]
    assert job.restarts == 1


def test_a_reader_that_is_stopped_is_found_and_killed_and_nothing_changes() -> None:
    in_files = replace(TRAINING, in_files=True)
    checkpoint, _, job = struck(lambda job: process_of(job, READER).suspend(), training=in_files, hang_seconds=0.3)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 1


@pytest.mark.parametrize("host", HOSTS)
def test_a_halt_ends_the_run_at_one_step_of_all_layers(host: str) -> None:
    training, jobs, ready = replace(TRAINING, epochs=9), list[Job](), threading.Event()

    def halt() -> None:
        ready.wait()
        jobs[0].halt()

    program = replace(training, in_files=True).program(observers=[When(after_step(2), halt)])
    jobs.append(host_named(host).start(program))
    ready.set()
    checkpoint = finish(jobs[0], program, training.initial)
    assert 3 <= checkpoint.step < training.steps
    assert fingerprints(checkpoint) == fingerprints(at_every_step(training)[checkpoint.step])


class Once:
    """Does something when a step is known, once."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act

    def on_event(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == 3 and self._act is not None:
            act, self._act = self._act, None
            act()


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 40)


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("change", [shrink, rewrite, os.unlink], ids=["shrinks", "changes", "goes"])
def test_a_file_that_changes_ends_the_run_with_its_name(
    tmp_path: Path, change: Callable[[Path], None], host: str
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).standard_normal((400, 5)))
    data = Dataset.from_arrays(open_array(path), np.arange(400) % 2)
    learner = Learner(sequence(dense(2)), runtime=host_named(host))
    with nothing_left(), pytest.raises(DataError, match=rf"^reader: step \d+.*: .*{path}"):
        learner.train(data, epochs=10**4, batch_size=8, observers=[Once(lambda: change(path))])
    assert learner.checkpoint is not None
    assert learner.checkpoint.step >= 4, "what was committed can be gone on with"


class Failing(ArraySource):
    """Rows whose disk fails."""

    def read(self, rows: Array) -> Array:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("host", HOSTS)
def test_a_disk_that_fails_again_and_again_ends_the_run_and_names_the_reader(host: str) -> None:
    inputs = StoredInputs(Failing(np.ones((40, 3), np.float32)), is_checked=True)
    data = Dataset.from_arrays(np.ones((40, 3)), np.arange(40) % 2, test_fraction=0)
    failing = replace(data, train=replace(data.train, inputs=as_inputs(inputs)))
    failing.train.inputs.__dict__["text"] = "unread"  # else the fingerprint would be the first to fail
    learner = Learner(sequence(dense(2)), runtime=host_named(host), supervision=Supervision(max_attempts=2))
    message = r"reader: OSError: .*Input/output error \(\S*test_reader.py:\d+ in read; failed 2 times"
    with nothing_left(), pytest.raises(RunFailedError, match=message):
        learner.train(failing, epochs=1)


CHILD = """
import sys
from pathlib import Path
from annex_actors import Dataset, Learner, dense, load, open_array, sequence
import numpy as np

def peak():  # not ru_maxrss, which begins with that of the process that started this one
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024

if __name__ == "__main__":
    learner = lambda: Learner(sequence(dense(2)), runtime=sys.argv[2])
    small = np.random.default_rng(0).standard_normal((2048, 1024)).astype(np.float32)
    learner().train(Dataset.from_arrays(small, np.arange(2048) % 2), epochs=1, batch_size=256)
    before = peak()
    inputs = open_array(sys.argv[1])
    data = Dataset.from_arrays(inputs, np.arange(len(inputs)) % 2)
    trained = learner()
    trained.train(data, epochs=1, batch_size=256, validation=0.1)
    print(peak() - before, trained.result.samples)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no peak memory is known here")
@pytest.mark.parametrize("host", ["schedulers", "processes"])
def test_a_training_takes_no_memory_for_inputs_that_stay_in_a_file(tmp_path: Path, host: str) -> None:
    """320 MB of zeros, without blocks on the disk; loaded, they would take as much, and their parts once more."""
    rows, path = 80 * 1024, tmp_path / "x.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, 1024)})
        file.truncate(file.tell() + rows * 4096)
    (tmp_path / "child.py").write_text(CHILD)
    command = [sys.executable, "-W", "error", str(tmp_path / "child.py"), str(path), host]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    grown, samples = map(int, done.stdout.split())
    assert samples == 58982, "all of them were trained on"
    assert grown < 80, f"peak memory grew by {grown} MB, for a file of 320 MB"
