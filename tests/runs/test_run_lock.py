"""One process at a time works on a run, and a killed process leaves no lock to clean up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.runs.run_lock import RunLock
from tests.strange_files import STRANGE, put

HOLD = """
import sys
from pathlib import Path
from annex_actors.runs.run_lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_the_first_is_named(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        expected = f"expected a run that no process is working on, got {tmp_path}, held by process {process.pid}; wait"
        with pytest.raises(ConfigError, match=re.escape(expected)), RunLock(tmp_path):
            pass
        process.communicate()
    assert process.returncode == 0


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
    assert (tmp_path / "lock").exists()
    with RunLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_an_orderly_end_leaves_no_file(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_locked_within_one_process_too(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(ConfigError, match="held by process"), RunLock(tmp_path):
        pass


@pytest.mark.parametrize("what", sorted(STRANGE.keys() - {"huge file"}))
def test_a_folder_that_cannot_have_a_lock_is_refused_by_name(tmp_path: Path, what: str) -> None:
    put(tmp_path / "lock", what)
    before = sorted(tmp_path.iterdir())
    expected = f"expected the lock of a run that can be written at {tmp_path / 'lock'}, got a "
    with pytest.raises(ConfigError, match=re.escape(expected)), RunLock(tmp_path):
        pass
    assert sorted(tmp_path.iterdir()) == before


def test_a_lock_that_is_a_link_changes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigError, match="got a link"), RunLock(tmp_path / "run"):
        pass
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_system_without_locks_is_said_and_nothing_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(fd: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []
    with pytest.raises(ConfigError, match="got No locks available"), RunLock(tmp_path):
        pass
    assert (os.listdir("/proc/self/fd") if before else []) == before


def test_a_folder_that_was_deleted_meanwhile_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with RunLock(tmp_path / "run"):
        (tmp_path / "run" / "lock").unlink()
        (tmp_path / "run").rmdir()
