from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runs.undisturbed import undisturbed_sha256

TRAIN = ("train", "xor", "--epochs", "4", "--quiet")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run without restarts, one with a restart, and one of another seed."""
    folder = tmp_path_factory.mktemp("runs")
    assert main([*TRAIN, "--run-dir", str(folder / "whole")]) == 0
    assert main([*TRAIN, "--run-dir", str(folder / "crashed"), "--crash", "layer=0,step=2"]) == 0
    assert main([*TRAIN, "--run-dir", str(folder / "other"), "--seed", "7"]) == 0
    return folder


def weights_of(path: Path) -> str:
    report = SavedRun.open(path).report
    assert report is not None
    return report.weights_sha256


def test_a_run_with_restarts_is_compared_with_one_without(runs: Path) -> None:
    assert undisturbed_sha256(runs / "crashed") == weights_of(runs / "whole") == weights_of(runs / "crashed")


def test_neither_a_run_with_restarts_nor_itself_nor_another_seed_is_one_to_compare_with(runs: Path) -> None:
    assert undisturbed_sha256(runs / "whole") is None
    assert undisturbed_sha256(runs / "other") is None


@pytest.mark.parametrize("name", ["result.json", "identity.json", "config.toml"])
def test_a_damaged_run_beside_it_is_passed_over(runs: Path, tmp_path: Path, name: str) -> None:
    for each in ("whole", "crashed"):
        shutil.copytree(runs / each, tmp_path / each)
    shutil.copytree(runs / "whole", tmp_path / "damaged")
    (tmp_path / "damaged" / name).write_text("{")
    assert undisturbed_sha256(tmp_path / "crashed") == weights_of(tmp_path / "whole")


def test_a_run_that_goes_on_has_none(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "crashed", tmp_path / "cut")
    (tmp_path / "cut" / "result.json").unlink()
    assert undisturbed_sha256(tmp_path / "cut") is None
