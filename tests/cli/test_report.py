"""``report``, ``train --report`` and ``train --observe``: where a page goes, and what stops it in one line."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from annex_actors.cli import main
from annex_actors.runs.saved_run import SavedRun

TRAIN = ("train", "xor", "--epochs", "4", "--quiet")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "xor"
    assert main([*TRAIN, "--run-dir", str(path), "--crash", "layer=0,step=2"]) == 0
    return path


def records(page: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(page.partition('id="records">')[2].partition("</script>")[0])
    return found


def test_a_run_is_printed_as_a_page(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    found = records(page)
    assert [found[0]["type"], found[-1]["type"]] == ["run", "end"]
    assert [each["address"] for each in found if each.get("event") == "PeerExited" and not each["orderly"]] == [
        "stage-0"
    ]
    report = SavedRun.open(run).report
    assert report is not None
    assert found[-1]["weights_sha256"] == report.weights_sha256
    costs = [cost for each in found if each["type"] == "costs" for cost in each["costs"]]
    assert costs == list(SavedRun.open(run).costs)


def test_a_file_is_written_whole(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--out", "-o"):
        assert main(["report", str(run), option, str(tmp_path / "run.html")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "run.html").read_text().startswith("<!doctype html>")
    assert [each.name for each in tmp_path.iterdir()] == ["run.html"]


def test_a_terminal_is_no_place_for_a_page(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["report", str(run)]) == 2
    assert "write `> run.html`, or give --out run.html" in capsys.readouterr().err


def test_a_folder_without_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_that_was_cut_off_has_a_page_too(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(run, tmp_path / "cut")
    for name in ("result.json", "weights.safetensors", "state.safetensors"):
        (tmp_path / "cut" / name).unlink()
    assert main(["report", str(tmp_path / "cut")]) == 0
    end = records(capsys.readouterr().out)[-1]
    assert end["status"] == "unfinished"
    assert "annex-actors resume" in end["error"]


def test_a_run_from_before_events_were_kept_shows_its_metrics(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "old")
    (tmp_path / "old" / "events.jsonl").unlink()
    assert main(["report", str(tmp_path / "old")]) == 0
    epochs = [each for each in records(capsys.readouterr().out) if each.get("event") == "EpochFinished"]
    assert [each["epoch"] for each in epochs] == [0, 1, 2, 3]


def test_a_failed_run_has_its_report_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "failed"
    assert main([*TRAIN, "--report", "--run-dir", str(path), "--crash", "layer=0,step=3,times=3"]) == 1
    assert f"report in {path / 'report.html'}\n" in capsys.readouterr().err
    found = records((path / "report.html").read_text())
    assert found[-1]["status"] == "failed"


def test_the_link_is_the_beginning_of_a_line_before_anything_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    assert main([*TRAIN, "--observe", "--run-dir", str(tmp_path / "watched")]) == 0
    line, _, _ = capsys.readouterr().err.partition("\n")
    assert line.startswith("http://127.0.0.1:")
    assert line.endswith(" (the page of this run)")


@pytest.mark.usefixtures("no_thread_is_left")
def test_a_page_changes_no_bit_and_ends_with_its_run(tmp_path: Path, run: Path) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    assert main([*TRAIN, "--observe-control", "--run-dir", str(tmp_path / "watched")]) == 0
    assert main(["resume", str(tmp_path / "watched"), "--epochs", "6", "--observe", "--report", "--quiet"]) == 0
    whole = tmp_path / "whole"
    assert main(["train", "xor", "--epochs", "6", "--quiet", "--run-dir", str(whole)]) == 0
    hashes = [SavedRun.open(each).report for each in (tmp_path / "watched", whole)]
    assert len({each.weights_sha256 for each in hashes if each is not None}) == 1
    runs = [each for each in records((tmp_path / "watched" / "report.html").read_text()) if each["type"] == "run"]
    assert [each["epochs"] for each in runs] == [4, 6]
