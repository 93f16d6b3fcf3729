"""``kill -9`` of a whole job, at random moments, and `annex-actors resume` until it has finished."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest

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
