from __future__ import annotations

import logging
from pathlib import Path

import pytest

from annex_actors.runs.run_log import RunLog
from tests.strange_files import put

RECORD = logging.LogRecord("a", logging.ERROR, "", 0, "it crashed", None, None)


def test_the_file_is_made_with_the_first_record(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.txt")
    assert list(tmp_path.iterdir()) == []
    log.emit(RECORD)
    log.close()
    assert (tmp_path / "log.txt").read_text().endswith(" ERROR a it crashed\n")


@pytest.mark.parametrize("what", ["folder", "pipe", "socket", "endless device", "link to nothing", "link to itself"])
def test_a_log_that_cannot_be_written_stops_nothing_and_prints_nothing(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "log.txt", what)
    before = sorted(tmp_path.iterdir())
    log = RunLog(tmp_path / "log.txt")
    log.emit(RECORD)
    log.close()
    assert capsys.readouterr() == ("", "")
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_no_failure_of_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full disk to try")

    class Full(RunLog):
        def _open(self):  # type: ignore[no-untyped-def]
            return full.open("a", encoding="utf-8")

    log = Full(tmp_path / "log.txt")
    log.emit(RECORD)
    log.close()
    assert capsys.readouterr() == ("", "")
