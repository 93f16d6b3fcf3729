"""``kill -9`` of a whole job, at random moments, and `annex-actors resume` until it has finished.

Nothing is left behind, whatever was under way: no process, no shared memory, no temporary file, no socket that listens.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import psutil
import pytest

from annex_actors.control.client import Client, NotRunningError
from tests.leaks import no_shared_memory_left

HASHES = ("weights_sha256", "state_sha256", "cost_log_sha256", "train_cost", "test_cost", "test_metrics", "steps")
TIMEOUT_S = 120.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "annex_actors", *arguments, "--json", "--quiet"]


def steps_saved(folder: Path) -> int:
    """Return the step of the newest checkpoint of a run; 0 before its first."""
    names = [path.name for path in (folder / "checkpoints").glob("step-*")]
    return max((int(name[5:14]) for name in names), default=0)


def wait_for_progress(process: subprocess.Popen[str], folder: Path, steps: int) -> None:
    """Wait until a run has saved ``steps`` more steps, or has ended."""
    goal, due = steps_saved(folder) + steps, time.monotonic() + TIMEOUT_S
    while process.poll() is None and steps_saved(folder) < goal:
        assert time.monotonic() < due, "the run makes no progress"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.002)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return every process of a training in ``folder``."""
    return [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(folder)]


@pytest.mark.parametrize(
    ("runtime", "schedule"),
    [("schedulers", "1f1b"), ("threads", "pipedream"), ("processes", "1f1b"), ("processes", "2bw")],
)
def test_a_job_that_is_killed_again_and_again_has_the_same_result(
    tmp_path: Path, runtime: str, schedule: str, whole: bool
) -> None:
    kills, random = 20 if whole else 3, Random(f"{runtime} {schedule}")
    settings = ("digits", "--epochs", str(4 + kills), "--schedule", schedule, "--checkpoint-every", "5")
    undisturbed = subprocess.run(command("train", *settings), cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = json.loads(undisturbed.stdout)
    folder = tmp_path / "run"
    arguments: tuple[str, ...] = ("train", *settings, "--runtime", runtime, "--run-dir", "run")
    for _ in range(kills):
        job = subprocess.Popen(command(*arguments), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        wait_for_progress(job, folder, random.randrange(1, 40))
        os.kill(job.pid, signal.SIGKILL)
        job.communicate()
        assert job.returncode == -signal.SIGKILL, "the run was over before it could be killed"
        psutil.wait_procs(processes_of(tmp_path), timeout=TIMEOUT_S)
        assert processes_of(tmp_path) == [], "a layer's process has outlived its job"
        arguments = ("resume", "run")
    last = subprocess.run(command(*arguments), cwd=tmp_path, capture_output=True, text=True, check=True)
    result = json.loads(last.stdout)
    assert {name: result[name] for name in HASHES} == {name: expected[name] for name in HASHES}
    assert result["status"] == "finished"
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 5 + kills))
    assert not (folder / "lock").exists()
    assert not list(folder.rglob(".*"))


WIDE = ("digits", "--layers", "dense:600 relu dense:10", "--batch-size", "32")
"""With activations of 38 kB, which travel in shared memory."""


@contextmanager
def nothing_left(folder: Path, temporary: Path) -> Iterator[None]:
    """Check that after the block no process of ``folder`` lives, and what such a process made outside of its run.

    The run itself keeps its files: `resume` replaces the socket and the lock that a killed process leaves in it.
    """
    with no_shared_memory_left():
        yield
        psutil.wait_procs(processes_of(folder), timeout=TIMEOUT_S)
        assert processes_of(folder) == [], "a process has outlived its job"
    assert list(temporary.iterdir()) == []
    assert [path.name for path in folder.iterdir()] in ([], ["run"])
    assert str(folder) not in Path("/proc/net/unix").read_text()


def shares_memory(folder: Path) -> bool:
    """Return whether a process of ``folder`` has mapped blocks of a slab, in which arrays travel."""
    found = []
    for each in processes_of(folder):
        with suppress(OSError):
            lines = Path(f"/proc/{each.pid}/maps").read_text().splitlines()
            found += [line for line in lines if "memfd:slab" in line and "r--s" in line]
    return bool(found)


def move_about(folder: Path, random: Random) -> None:
    """Order so many moves that one of them is under way when this returns."""
    with suppress(NotRunningError), Client(folder) as client:
        for _ in range(random.randrange(1, 5)):
            client.move(str(random.randrange(3)), random.choice(("thread", "process")))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("moves", [False, True], ids=["shared memory", "moves"])
def test_nothing_is_left_of_a_job_that_is_killed_and_it_goes_on_to_the_same_bits(
    tmp_path: Path, moves: bool, whole: bool
) -> None:
    seed = Random().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - the seed is to be seen
    random = Random(seed)
    folder, temporary, beside = tmp_path / "job", tmp_path / "temporary", tmp_path / "beside"
    for each in (folder, temporary, beside):
        each.mkdir()
    kills, beginning = 20 if whole else 3, ("train", *WIDE)
    settings = ("--epochs", str(4 + 2 * kills), "--checkpoint-every", "5")
    undisturbed = subprocess.run(command(*beginning, *settings), cwd=beside, capture_output=True, text=True, check=True)
    arguments: tuple[str, ...] = (*beginning, *settings, "--runtime", "processes", "--run-dir", "run")
    environment = {**os.environ, "TMPDIR": str(temporary)}
    for _ in range(kills):
        with nothing_left(folder, temporary):
            job = subprocess.Popen(command(*arguments), cwd=folder, env=environment, text=True, start_new_session=True)
            wait_for_progress(job, folder / "run", random.randrange(1, 20))
            assert shares_memory(folder)
            if moves:
                move_about(folder / "run", random)
            with suppress(subprocess.TimeoutExpired):
                job.wait(random.uniform(0, 0.05))  # a random moment
            random.choice((os.kill, os.killpg))(job.pid, signal.SIGKILL)
            assert job.wait() == -signal.SIGKILL, "the run was over before it could be killed"
        arguments = ("resume", "run")
    last = subprocess.run(command(*arguments), cwd=folder, env=environment, capture_output=True, text=True, check=True)
    result, expected = json.loads(last.stdout), json.loads(undisturbed.stdout)
    assert {name: result[name] for name in HASHES} == {name: expected[name] for name in HASHES}
    assert list(temporary.iterdir()) == []
    assert not {"lock", "control"} & {path.name for path in (folder / "run").iterdir()}
    assert not list(folder.rglob(".*"))
