"""When the supervising process itself ends, no process and no file is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

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


@contextmanager
def working(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Start a training in a process of its own; yield it and its processes: fork server, layers, and a spare.

    They work then. Kill it, if it is left.
    """
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    job = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    with job:
        try:
            assert job.stdout is not None
            assert job.stdout.readline() == "works\n"
            processes = psutil.Process(job.pid).children(recursive=True)
            assert len(processes) == 7
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


def test_a_ctrl_c_at_the_terminal_reaches_the_supervising_process_alone(tmp_path: Path) -> None:
    """The terminal signals a process group, and each process has one of its own."""
    with working(tmp_path) as (job, processes):
        assert {os.getpgid(each.pid) for each in processes} == {each.pid for each in processes}
        job.send_signal(signal.SIGINT)
        job.communicate()
        assert job.returncode != 0
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert alive == []
