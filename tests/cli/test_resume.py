"""``annex-actors resume``: how a run that was cut off is resumed, and what is printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main
from annex_actors.runs.run_lock import RunLock
from annex_actors.runs.saved_run import SavedRun
from tests.cli.runs import contents, cut_off, report, same


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a run as ``kill -9`` at its eighth step would have left it; the expected result is beside it."""
    return cut_off(tmp_path, capsys)


def test_a_run_goes_on_in_its_folder_and_says_from_where(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(run)]) == 0
    out, err = capsys.readouterr()
    assert f"{run} goes on from step 8" in err
    assert [line.split()[1] for line in err.splitlines() if line.startswith("epoch")][-1] == "16/16"
    assert f"saved in {run}" in out
    assert same(run)


def test_a_user_says_how_many_epochs_are_between_two_lines(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(run), "--progress-every", "5"]) == 0
    err = capsys.readouterr().err
    assert [line.split()[1] for line in err.splitlines() if line.startswith("epoch")] == [
        "9/16",
        "10/16",
        "15/16",
        "16/16",
    ]
    assert main(["resume", str(run), "--epochs", "20", "--progress-every", "0"]) == 2
    assert "expected `progress_every` to be an integer >= 1, got 0" in capsys.readouterr().err


def test_json_is_the_report(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(run), "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == report(run)
    assert err == ""


def test_a_run_may_be_resumed_on_another_runtime(run: Path) -> None:
    assert main(["resume", str(run), "--runtime", "inline", "--quiet"]) == 0
    assert same(run)
    assert report(run)["runtime"] == "inline"
    assert report(run.parent)["runtime"] == "schedulers"


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest = max((run / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:100])
    assert main(["resume", str(run)]) == 0
    err = capsys.readouterr().err
    assert f"expected a whole checkpoint at {newest}, got a damaged one" in err
    assert "goes on from step 8" not in err
    assert same(run)


def test_without_a_checkpoint_the_run_starts_from_the_beginning(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "checkpoints")
    assert main(["resume", str(run)]) == 0
    assert "starts from the beginning" in capsys.readouterr().err
    assert same(run)


def test_a_finished_run_has_nothing_left_to_do(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(run), "--quiet"]) == 0
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(["resume", str(run)]) == 0
    assert "has finished after 16 steps; nothing is left to do, --epochs trains it further" in capsys.readouterr().out
    assert main(["resume", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == report(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_other_versions_are_warned_of(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**found, "numpy": "1.0"}))
    assert main(["resume", str(run)]) == 0
    assert "started with 1.0: the weights may differ in their last bits" in capsys.readouterr().err


def test_inspect_says_where_a_killed_run_can_go_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(run)]) == 0
    assert "goes on from step 8, the newest of" in " ".join(capsys.readouterr().out.split())


# Bad input: one line, exit code 2, and nothing changed


def test_a_folder_that_is_not_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(tmp_path)]) == 2
    assert "expected a folder that `annex-actors train` made" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_another_process_works_on_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(run.rglob("*"))
    with RunLock(run):
        assert main(["resume", str(run)]) == 2
    assert "expected a run that no process is working on" in capsys.readouterr().err
    assert sorted(run.rglob("*")) == before


def test_an_unknown_runtime_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(run), "--runtime", "fibers"]) == 2
    assert "expected `runtime` to be one of" in capsys.readouterr().err


def test_a_description_of_another_network_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = SavedRun.open(run).network.model_dump()
    (run / "network.json").write_text(json.dumps({**network, "classes": ["no", "yes"]}))
    assert main(["resume", str(run)]) == 2
    assert "network.json to describe the run's network and data, got others" in capsys.readouterr().err
    assert not (run / "result.json").exists()


def test_a_run_of_an_older_version_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "identity.json").unlink()
    assert main(["resume", str(run)]) == 2
    assert "expected a run that records what decides its weights, got" in capsys.readouterr().err


# Data of one's own


def table(path: Path, *, seed: int = 0) -> None:
    rows = np.random.default_rng(seed).standard_normal((24, 3)).round(3).tolist()
    path.write_text("".join(f"{x},{y},{z},{'yes' if x > 0 else 'no'}\n" for x, y, z in rows))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a run on a table that was named by a path in the current folder, as ``kill -9`` would have left it."""
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "mine.csv")
    settings = ("train", "mine.csv", "--epochs", "3", "--batch-size", "8", "--quiet", "--checkpoint-every", "1")
    assert main([*settings, "--run-dir", "whole"]) == 0
    shutil.copy(tmp_path / "whole" / "result.json", tmp_path)
    assert main([*settings, "--crash", "layer=0,step=4,times=3", "--run-dir", "own"]) == 1
    (tmp_path / "own" / "result.json").unlink()
    capsys.readouterr()
    return tmp_path / "own"


def test_a_run_on_a_table_is_resumed_from_any_folder(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert main(["resume", str(own), "--quiet"]) == 0
    assert same(own)


def test_data_that_were_changed_are_refused(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(own.parent / "mine.csv", seed=1)
    before = contents(own)
    assert main(["resume", str(own)]) == 2
    assert "error: expected the `training data` that the training began with, " in capsys.readouterr().err
    assert contents(own) == before


def test_data_of_other_classes_are_refused_as_other_data(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not as a network that is too small for them: that would be advice to make another one."""
    path = own.parent / "mine.csv"
    path.write_text(path.read_text() + "1.0,2.0,3.0,may be\n")
    assert main(["resume", str(own)]) == 2
    wanted = "error: expected the data that the run began with, with classes no, yes, got may be, no, yes; go on with"
    assert capsys.readouterr().err.startswith(wanted)
