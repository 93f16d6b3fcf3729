"""Costs and class weights on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.costs import COSTS
from annex_actors.runs.toml_settings import read_settings
from tests import tables

MINE = '''
from dataclasses import dataclass
from annex_actors import register_cost
from annex_actors.costs import MeanSquaredError


@dataclass(frozen=True)
class Mine(MeanSquaredError):
    """Counts a part of the error."""

    part: float = 0.5


register_cost("mine", Mine)
register_cost("given", Mine(0.25))
'''


def test_all_costs_are_listed_with_their_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["costs"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"{name} " in shown for name in COSTS)
    assert "huber delta=1.0 `e**2 / 2` for errors e" in shown
    assert "focal gamma=2.0 alpha=0.25 " in shown


def test_a_users_own_costs_are_listed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.restored(monkeypatch)
    (tmp_path / "mine.py").write_text(MINE)
    assert main(["costs", "--load", str(tmp_path / "mine.py")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "mine part=0.5 Counts a part of the error." in shown
    assert "given Counts a part of the error." in shown


def test_a_run_repeats_its_cost_and_its_class_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--runtime", "inline", "--epochs", "2", "--quiet"]
    chosen = ["--cost", "softmax_cross_entropy:label_smoothing=0.1", "--class-weight", "setosa=2,virginica=0.5"]
    assert main(["train", "iris", *options, *chosen, "--run-dir", "one"]) == 0
    settings = read_settings(Path("one/config.toml"))
    assert settings["cost"] == "softmax_cross_entropy:label_smoothing=0.1"
    assert settings["training"]["class_weight"] == "setosa=2,virginica=0.5"
    assert main(["train", "one/config.toml", "--quiet", "--run-dir", "two"]) == 0
    assert main(["train", "iris", *options, "--run-dir", "three"]) == 0
    one, two, three = (json.loads(Path(name, "result.json").read_text()) for name in ("one", "two", "three"))
    assert one["weights_sha256"] == two["weights_sha256"] != three["weights_sha256"]
    assert main(["resume", "one", "--epochs", "3", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--cost", "softmax_cross_entropy:label_smoothing=2", "expected `label_smoothing` to be a number >= 0 and < 1"),
        ("--class-weight", "setosa=-1", "expected `class_weight['setosa']` to be a number >= 0"),
        (
            "--class-weight",
            "rose=2",
            "expected `class_weight` to be of classes among setosa, versicolor, virginica, got",
        ),
    ],
)
def test_what_does_not_fit_gets_one_line(
    option: str,
    value: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "iris", option, value]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not any(tmp_path.iterdir())
