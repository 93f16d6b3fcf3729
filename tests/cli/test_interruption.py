"""Signals to a real process give an orderly stop: the last committed step is saved, and nothing is left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from annex_actors.base.words import counted
from annex_actors.cli import main
from annex_actors.runs.saved_run import SavedRun

FILES = {
    "config.toml", "environment.json", "identity.json", "network.json", "metrics.jsonl", "events.jsonl",
    "weights.safetensors", "state.safetensors", "result.json", "checkpoints",
}  # fmt: skip


@contextmanager
def training(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start a training that does not end by itself, and wait until it has trained an epoch."""
    program = [
        sys.executable,
        "-m",
        "annex_actors",
        "train",
        "xor",
        "--epochs",
        "1000000",
        "--run-dir",
        "run",
        *options,
    ]
    process = subprocess.Popen(program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("epoch ")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("runtime", ["threads", "inline", "processes"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_last_committed_step(tmp_path: Path, runtime: str, number: int, code: int) -> None:
    with training(tmp_path, "--runtime", runtime) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    saved = SavedRun.open(tmp_path / "run")
    report = saved.report
    assert process.returncode == code
    assert report is not None
    assert (report.status, report.error) == ("interrupted", None)
    assert saved.checkpoint().step == report.steps > 0
    saved_steps = f"{counted(report.steps, 'committed step')} {'is' if report.steps == 1 else 'are'} saved"
    assert err.splitlines()[-1] == f"interrupted; {saved_steps} in run; `annex-actors resume run` goes on from there"
    assert "Traceback" not in err
    assert out == ""
    assert {path.name for path in saved.path.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("runtime", ["threads", "inline"])
def test_repeated_signals_leave_no_half_written_file(tmp_path: Path, runtime: str) -> None:
    with training(tmp_path, "--runtime", runtime) as process:
        for _ in range(5):
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    saved = SavedRun.open(tmp_path / "run")
    report = saved.report
    assert process.returncode == 130
    assert "Traceback" not in err
    assert report is not None
    assert report.status == "interrupted"
    assert saved.checkpoint().step == report.steps
    assert {path.name for path in saved.path.iterdir()} == FILES


def test_an_interrupted_run_prints_its_result(tmp_path: Path) -> None:
    with training(tmp_path, "--json") as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["status"] == "interrupted"


def test_a_killed_run_leaves_whole_files_that_can_be_inspected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with training(tmp_path) as process:
        process.kill()
        process.communicate(timeout=60)
    assert main(["inspect", str(tmp_path / "run"), "--json"]) == 0
    looked = json.loads(capsys.readouterr().out)
    assert looked["status"] == "unfinished"
    assert looked["result"] is None
    assert [epoch["epoch"] for epoch in looked["metrics"]] == list(range(1, len(looked["metrics"]) + 1))


def test_ctrl_c_before_the_run_has_started_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("annex_actors.runs.config.resolve", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert main(["train"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is before
