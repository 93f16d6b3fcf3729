from __future__ import annotations

import json
from pathlib import Path

import pytest

from annex_actors.cli import main

NETWORK = ["--data", "iris", "--layers", "dense:4 relu dense:3", "--runtime", "inline"]
SHORT = ["--rounds", "1", "--seconds", "0.01"]


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a profile of the network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    options = ["--runtimes", "inline,schedulers", "--seconds", "0.05", "--out", "known.json"]
    assert main(["profile", *NETWORK[1:4], *options]) == 0


def test_plans_are_predicted_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    options = ["--profile", "known.json", *NETWORK, *SHORT, "--measure"]
    assert main(["compare", "1", "layer", "2,1", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["plan", "predicted", "measured"]
    assert [line.split()[0] for line in lines[1:4]] == ["1", "layer", "2,1"]
    assert any(line.startswith("winner on inline: ") for line in lines)
    assert max(map(len, lines[:4])) <= 80


def test_a_plan_may_be_a_file_and_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text("[[stages]]\nlayers = 1\n[[stages]]\nlayers = 2\n")
    capsys.readouterr()
    assert main(["compare", "1", "mine.toml", "--profile", "known.json", *NETWORK, *SHORT, "--measure", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["plan"] for each in found["plans"]] == ["3", "1,2"]
    assert len({each["weights_sha256"] for each in found["plans"]}) == 1
    assert found["winner"] in {each["name"] for each in found["plans"]}


def test_slow_layers_and_links_are_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    def seconds(*options: str) -> float:
        capsys.readouterr()
        assert main(["compare", "1,2", "--profile", "known.json", *NETWORK, *options, "--json"]) == 0
        return float(json.loads(capsys.readouterr().out)["plans"][0]["predicted"])

    plain = seconds()
    assert seconds("--slow", "0:5") > plain
    travelling = "--runtime", "schedulers"
    assert seconds(*travelling, "--link", "10ms,1MB/s") > seconds(*travelling) + 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["9"], "expected `stages` to be at most 4"),
        (["none.toml"], "expected a plan at none.toml, got none"),
        (["1", "--slow", "0"], "expected `slow` as LAYER:TIMES,..., such as 0:3,2:1.5, got '0'"),
        (["1", "--slow", "0:0.5"], "expected `factors[0]` to be a number >= 1, got 0.5"),
        (["1", "--link", "fast"], "expected `link` to be a time and bytes a second, such as 1ms,100MB/s or 20us, got"),
        (["1", "--link", "1ms,100MB"], "expected `link` to be a time and bytes a second"),
        (["1", "--profile", "none.json"], "expected a file at none.json, got none"),
    ],
)
def test_a_mistake_is_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["compare", *options, *NETWORK]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1
