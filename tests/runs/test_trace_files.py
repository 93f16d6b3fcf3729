"""The trace in a run's folder: what is left of it when the job is killed, or the disk is full."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.cli import main
from annex_actors.runs import trace_files
from annex_actors.runs.trace_files import InFolder
from annex_actors.runtimes.tracing.layout import RECORD, Records
from annex_actors.tracing.trace_reader import read_trace

TIMEOUT_S = 120.0


def numbered(count: int, first: int = 0) -> Records:
    """Return records that differ."""
    records = np.zeros(count, RECORD)
    records["step"] = range(first, first + count)
    return records


def steps(folder: Path) -> list[int]:
    found: list[int] = np.fromfile(folder / "trace.records", RECORD)["step"].tolist()
    return found


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file be larger than so many bytes: what is written beyond has no room, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_records_are_appended_and_a_later_run_begins_again(tmp_path: Path) -> None:
    folder = InFolder(tmp_path)
    assert [folder.add(numbered(2)), folder.add(numbered(3, 2)), folder.add(numbered(0))] == [0, 0, 0]
    assert steps(tmp_path) == [0, 1, 2, 3, 4]
    InFolder(tmp_path)
    assert steps(tmp_path) == []


def test_records_beyond_the_most_in_a_file_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_files, "MOST_IN_FILE", 5)
    folder = InFolder(tmp_path)
    assert [folder.add(numbered(3, first)) for first in (0, 3, 6)] == [0, 1, 3]
    assert steps(tmp_path) == [0, 1, 2, 3, 4]


def test_what_a_full_disk_takes_of_a_record_is_dropped_and_what_it_takes_later_is_read(tmp_path: Path) -> None:
    folder = InFolder(tmp_path)
    assert folder.add(numbered(3)) == 0
    with disk_of(4 * RECORD.itemsize + 7):
        assert folder.add(numbered(9, 3)) == 8
        folder.describe({"names": ["x" * 4096]})
    assert folder.add(numbered(2, 12)) == 0
    assert steps(tmp_path) == [0, 1, 2, 3, 12, 13]
    assert not (tmp_path / "trace.json").exists()


def test_a_file_that_is_no_longer_there_or_another_one_costs_the_trace_alone(tmp_path: Path) -> None:
    folder = InFolder(tmp_path)
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "trace.records").unlink()
    (tmp_path / "trace.records").symlink_to("victim")
    assert folder.add(numbered(3)) == 3
    assert (tmp_path / "victim").read_text() == "mine"
    with pytest.raises(ConfigError, match=r"a file of the run's own that can be written at .*, got a link"):
        InFolder(tmp_path)


def hashes(run: Path) -> list[str]:
    result = json.loads((run / "result.json").read_text())
    return [result[name] for name in ("status", "weights_sha256", "state_sha256", "cost_log_sha256")]


def test_a_disk_that_is_full_costs_the_trace_and_not_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["train", "digits", "--epochs", "2", "--quiet", "--run-dir"]
    assert main([*train, str(tmp_path / "plain")]) == 0
    with disk_of(150_000):
        assert main([*train, str(tmp_path / "traced"), "--trace", "all"]) == 0
    assert hashes(tmp_path / "traced") == hashes(tmp_path / "plain")
    assert (tmp_path / "traced" / "trace.records").stat().st_size <= 150_000
    trace = read_trace(tmp_path / "traced")
    assert trace.dropped > 0
    assert len(trace.records) > 0
    capsys.readouterr()
    assert main(["trace", str(tmp_path / "traced")]) == 0
    out, err = capsys.readouterr()
    assert "layer 0 dense:128" in out
    assert err == f"note: no room for {trace.dropped:,} records; trace fewer steps\n"


def wait_for_records(process: subprocess.Popen[bytes], file: Path, count: int) -> None:
    due = time.monotonic() + TIMEOUT_S
    while not (file.exists() and file.stat().st_size >= count * RECORD.itemsize):
        assert time.monotonic() < due, "nothing is recorded"
        assert process.poll() is None, "the run is over"
        time.sleep(0.01)


@pytest.mark.parametrize("runtime", ["schedulers", "processes"])
def test_the_trace_of_a_job_that_was_killed_is_there_but_for_its_last_moments(runtime: str, tmp_path: Path) -> None:
    train = ["train", "digits", "--epochs", "100000", "--quiet", "--runtime", runtime, "--trace", "all"]
    program = [sys.executable, "-m", "annex_actors", *train, "--run-dir", "run"]
    with subprocess.Popen(program, cwd=tmp_path, start_new_session=True) as process:
        try:
            wait_for_records(process, tmp_path / "run" / "trace.records", 5000)
            assert len(read_trace(tmp_path / "run").records) >= 5000, "a trace can be read while it grows"
        finally:
            os.kill(process.pid, signal.SIGKILL)
    trace = read_trace(tmp_path / "run")
    assert not trace.header["is_over"]
    assert trace.dropped == 0
    assert len(trace.records) >= 5000
    assert [str(peer) for peer in trace.peers] == [*(f"stage-{s}" for s in range(5)), "trainer"]
    figures = trace.figures()
    for each in figures.peers:
        assert each.busy + sum(each.idle.values()) == pytest.approx(figures.wall, abs=1e-6)
    left = [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(tmp_path)]
    assert psutil.wait_procs(left, timeout=TIMEOUT_S)[1] == []
