"""``annex-actors resume``: how a run that was cut off is resumed, and what is printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.runs.run_lock import RunLock
from annex_actors.runs.saved_run import SavedRun

TRAIN = ("train", "xor", "--epochs", "16", "--quiet", "--checkpoint-every", "1", "--keep", "all")
FAIL = ("--crash", "layer=0,step=8,times=3")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a run as ``kill -9`` at its eighth step would have left it; the expected result is beside it."""
    assert main([*TRAIN, "--run-dir", str(tmp_path / "whole")]) == 0
    shutil.copy(tmp_path / "whole" / "result.json", tmp_path)
    folder = tmp_path / "run"
    assert main([*TRAIN, *FAIL, "--run-dir", str(folder)]) == 1
    for name in ("result.json", "weights.safetensors", "state.safetensors"):
        (folder / name).unlink()
    capsys.readouterr()
    return folder


def report(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "result.json").read_text())
    return found


def same(run: Path) -> bool:
    """Return whether the result of a run is the expected one."""
    names = ("weights_sha256", "state_sha256", "cost_log_sha256", "steps", "test_metrics", "epochs")
    before = report(run.parent)
    return all(before[name] == report(run)[name] for name in names)


def test_a_run_goes_on_in_its_folder_and_says_from_where(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(run)]) == 0
    out, err = capsys.readouterr()
    assert f"{run} goes on from step 8" in err
    assert [line.split()[1] for line in err.splitlines() if line.startswith("epoch")][-1] == "16/16"
    assert f"saved in {run}" in out
    assert same(run)


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
    assert "has finished after" in capsys.readouterr().out
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


def test_other_data_under_the_same_name_are_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = SavedRun.open(run).network.model_dump()
    (run / "network.json").write_text(json.dumps({**network, "source": "elsewhere"}))
    assert main(["resume", str(run)]) == 2
    assert "expected the data that" in capsys.readouterr().err
    assert not (run / "result.json").exists()
