from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from annex_actors.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one restart."""
    path = tmp_path_factory.mktemp("runs") / "xor"
    options = ["--epochs", "3", "--quiet", "--run-dir", str(path), "--crash", "layer=1,step=1"]
    assert main(["train", "xor", *options]) == 0
    return path


def test_a_run_is_shown_with_everything_in_its_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(run)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for expected in (
        "0 dense:8 (2,) (8,) 24",
        "42 parameters",
        'optimizer.name "adam"',
        "epoch step cost test cost accuracy samples/s restarts",
        "status finished",
        "steps 3 committed by every layer",
        "restarts 1",
    ):
        assert expected in lines
    assert any(line.startswith("numpy ") for line in lines)
    assert any(line.startswith("blas ") for line in lines)


def test_json_is_one_object_with_the_same_contents(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(run), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    looked = json.loads(out)
    assert looked["status"] == "finished"
    assert looked["network"]["parameters"] == 42
    assert looked["config"]["training"]["epochs"] == 3
    assert len(looked["metrics"]) == 3
    assert looked["environment"].keys() == {
        "python", "platform", "annex-actors", "numpy", "scipy", "pykka", "blas", "kernels"
    }  # fmt: skip
    assert looked["result"] == json.loads((run / "result.json").read_text())


def test_a_failed_run_shows_why_and_its_last_committed_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--epochs", "9", "--quiet", "--run-dir", str(tmp_path / "run"), "--crash", "layer=1,step=4,times=9"]
    assert main(["train", "xor", *options]) == 1
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "run")]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "steps 4 committed by every layer" in lines
    assert any(line.startswith("status failed: layer 1 (tanh) failed in forward at step 4") for line in lines)


@pytest.fixture(scope="module")
def other(run: Path) -> Path:
    """A run with another optimizer and as many epochs."""
    path = run.parent / "other"
    options = ["--epochs", "3", "--quiet", "--run-dir", str(path), "--set", "optimizer.name=sgd"]
    assert main(["train", "xor", *options]) == 0
    return path


def test_several_runs_are_compared_by_the_settings_that_differ(
    run: Path, other: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    assert main(["inspect", "xor", "other"]) == 0
    head, *lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    table = {tuple(words[:-2]): words[-2:] for words in lines}
    assert head == ["xor", "other"]
    assert table[("optimizer.name",)] == ['"adam"', '"sgd"']
    assert table[("optimizer.beta1",)] == ["0.9", "-"]
    assert ("training.epochs",) not in table
    assert table[("restarts",)] == ["1", "0"]
    expected = [json.loads((folder / "result.json").read_text()) for folder in (run, other)]
    assert table[("weights",)] == [each["weights_sha256"][:12] for each in expected]
    assert table[("test", "cost")] == [f"{each['test_cost']:.4f}" for each in expected]


def test_json_of_several_runs_has_each_and_the_differences(
    run: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(run), str(other), "--json"]) == 0
    looked = json.loads(capsys.readouterr().out)
    assert [each["run_dir"] for each in looked["runs"]] == [str(run), str(other)]
    assert looked["differences"]["optimizer.name"] == ["adam", "sgd"]


def test_runs_that_differ_in_nothing_or_have_not_ended(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = Path(shutil.copytree(run, tmp_path / "killed"))
    (killed / "result.json").unlink()
    assert main(["inspect", str(run), str(killed)]) == 0
    out = capsys.readouterr().out
    assert ["status", "finished", "unfinished"] in [line.split() for line in out.splitlines()]
    assert "The settings are the same." in out
