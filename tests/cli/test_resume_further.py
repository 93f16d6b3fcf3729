"""``annex-actors resume --epochs``: a run is trained further, to the bits of one with more epochs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.runs.run_directory import RunDirectory
from tests.cli.runs import contents, cut_off, lines, report, same


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    return cut_off(tmp_path, capsys)


@pytest.mark.parametrize("schedule", ["1f1b", "pipedream"])
@pytest.mark.parametrize("every", ["0", "3"])
@pytest.mark.parametrize("end", ["finished", "failed", "killed"])
def test_a_run_is_trained_further_to_the_bits_of_one_with_more_epochs(
    schedule: str, every: str, end: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("train", "iris", "--batch-size", "40", "--schedule", schedule, "--quiet", "--checkpoint-every", every)
    assert main([*settings, "--epochs", "7", "--run-dir", str(tmp_path / "whole")]) == 0
    shutil.copy(tmp_path / "whole" / "result.json", tmp_path)
    run = tmp_path / "run"
    crash = () if end == "finished" else ("--crash", "layer=0,step=8,times=3")
    assert main([*settings, "--epochs", "4", "--run-dir", str(run), *crash]) == (1 if crash else 0)
    if end == "killed":
        (run / "result.json").unlink()
    for epochs in ("5", "7"):
        assert main(["resume", str(run), "--epochs", epochs, "--quiet"]) == 0
        assert (report(run)["status"], report(run)["epochs"]) == ("finished", int(epochs))
        assert f"epochs = {epochs}\n" in (run / "config.toml").read_text()
    assert same(run)
    assert lines(run) == lines(tmp_path / "whole")
    assert main(["resume", str(run)]) == 0
    assert "nothing is left to do" in capsys.readouterr().out


def test_more_epochs_are_kept_if_the_run_is_killed_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "end", lambda *arguments: None)  # killed before the end was written
        assert main(["resume", str(run), "--epochs", "20", "--quiet"]) == 0
    assert not (run / "result.json").exists()
    assert main(["resume", str(run), "--quiet"]) == 0
    assert report(run)["epochs"] == 20


@pytest.mark.parametrize("epochs", ["7", "1"])
def test_fewer_epochs_than_are_trained_are_refused(run: Path, epochs: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    assert main(["resume", str(run), "--epochs", epochs]) == 2
    assert "error: expected `epochs` to be at least 8, since training is at step 8, got" in capsys.readouterr().err
    assert contents(run) == before


def test_a_run_whose_config_has_fewer_epochs_than_it_has_finished_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(run), "--quiet"]) == 0
    config = run / "config.toml"
    config.write_text(config.read_text().replace("epochs = 16", "epochs = 2"))
    before = contents(run)
    assert main(["resume", str(run)]) == 2
    assert "error: expected `epochs` to be at least 16, since training is at step 16, got 2" in capsys.readouterr().err
    assert contents(run) == before
