"""When the supervising process itself ends, no process and no file is left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.leaks import SHARED_MEMORY
from tests.matrix import matrix

PATIENCE_S = 60.0

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


WIDE = """
import numpy as np
from annex_actors import Dataset, Learner, StepFinished, activation, dense, sequence
from annex_actors.data import Samples
class Printer:
    def on_event(self, event):
        if isinstance(event, StepFinished):
            print("works", flush=True)
if __name__ == "__main__":
    samples = Samples(np.ones((256, 512), np.float32), np.zeros(256, np.int64))
    data = Dataset("ones", samples, samples, ("0", "1"), None, "ones")
    network = sequence(dense(512), activation("relu"), dense(2))
    Learner(network, runtime="processes").train(data, epochs=100000, batch_size=64, observers=[Printer()])
"""
"""A training of four actors, whose arrays are so large that they travel in shared memory; it prints after each step."""


@contextmanager
def working(
    tmp_path: Path, content: str = SCRIPT, count: int = 7
) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Start a training in a process of its own; yield it and its ``count`` processes: fork server, layers, and a spare.

    They work then. Kill it, if it is left.
    """
    script = tmp_path / "script.py"
    script.write_text(content)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    job = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    with job:
        try:
            assert job.stdout is not None
            assert job.stdout.readline() == "works\n"
            processes = psutil.Process(job.pid).children(recursive=True)
            assert len(processes) == count
            yield job, processes
        finally:
            job.kill()


def test_kill_9_of_the_whole_leaves_no_process(tmp_path: Path) -> None:
    with working(tmp_path) as (job, processes):
        job.kill()
        job.communicate()
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert alive == []


@pytest.mark.parametrize("stopped", [0, 1])
def test_kill_9_of_the_whole_leaves_no_process_not_even_one_that_is_stopped(tmp_path: Path, stopped: int) -> None:
    with working(tmp_path) as (job, processes):
        processes[stopped].suspend()  # the fork server, or a layer
        job.kill()
        job.communicate()
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert alive == []


def test_kill_9_of_everything_leaves_no_file(tmp_path: Path) -> None:
    with working(tmp_path) as (job, processes):
        for process in [*processes, psutil.Process(job.pid)]:
            process.kill()
        job.communicate()
        psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def memory_of(processes: Sequence[psutil.Process]) -> set[tuple[int, int]]:
    """Return the device and inode of each file without a name that one of these processes has open."""
    found = set()
    for process in processes:
        for fd in Path(f"/proc/{process.pid}/fd").glob("*"):
            with suppress(OSError):  # it is closed, or the process has ended
                if os.readlink(fd).startswith("/memfd:"):
                    status = fd.stat()
                    found.add((status.st_dev, status.st_ino))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="lists the open files of other processes in /proc")
@pytest.mark.parametrize("seed", matrix(range(20), sample=1, id=str))
def test_kill_9_of_everything_in_any_order_at_any_moment_leaves_nothing_in_shared_memory(
    tmp_path: Path, seed: int
) -> None:
    numbers, named = random.Random(seed), set(os.listdir(SHARED_MEMORY))
    with working(tmp_path, WIDE, 4 + 2) as (job, processes):
        shared = memory_of(processes)
        assert len(shared) >= 4 + 2 * 3, "a log for each layer, and two slabs for each connection"
        assert job.stdout is not None
        for _ in range(numbers.randrange(40)):
            job.stdout.readline()  # the end of a step, up to which nothing waits
        victims = [*processes, psutil.Process(job.pid)]
        numbers.shuffle(victims)
        for victim in victims:
            with suppress(psutil.NoSuchProcess):  # it has ended with the supervising process
                victim.kill()
        job.communicate()
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert alive == []
        others = [each for each in psutil.process_iter() if each.pid != os.getpid()]
        assert not shared & memory_of(others)
        left = set(os.listdir(SHARED_MEMORY)) - named
        assert not [name for name in left if "slab" in name or str(job.pid) in name]
        assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_a_ctrl_c_at_the_terminal_reaches_the_supervising_process_alone(tmp_path: Path) -> None:
    """The terminal signals a process group, and each process has one of its own."""
    with working(tmp_path) as (job, processes):
        assert {os.getpgid(each.pid) for each in processes} == {each.pid for each in processes}
        job.send_signal(signal.SIGINT)
        job.communicate()
        assert job.returncode != 0
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert alive == []
