"""``annex-actors chaos``: a table and a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annex_actors.cli import main

SHORT = ("chaos", "xor", "--epochs", "2000", "--faults", "4", "--pause", "0.02", "--runtime", "threads")
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_table_of_faults_and_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--kinds", "exception,kill"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split()[:3] == ["fault", "times", "deaths"]
    assert out.splitlines()[-1] == "verdict: identical"
    assert "by layers that never died 0" in out
    assert err.splitlines() == ["training undisturbed", "training with faults"]


def test_json_has_all_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--json", "--kinds", "trainer"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["identical"] is True
    assert result["faults"]["trainer"] >= 4
    assert result["redone_by_survivors"] == 0
    assert result["recovery"]["trainer"]["p99_s"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kinds", "meteor"), "expected `kinds` to be one of exception, kill, stop"),
        (("--faults", "0"), "expected `faults` to be an integer >= 1, got 0"),
        (("--runtime", "inline"), "expected a runtime into which faults can be injected, got inline"),
    ],
)
def test_bad_input_is_refused(options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chaos", "xor", *options]) == 2
    assert message in capsys.readouterr().err


def test_hang_seconds_of_a_config_file_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[data]\nname = "xor"\n[supervision]\nhang_seconds = -3.0\n')
    assert main(["chaos", str(config)]) == 2
    assert "expected `hang_seconds` to be a number > 0, got -3.0" in capsys.readouterr().err
