"""``annex-actors chaos``: a table and a verdict."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from annex_actors.cli import main

SHORT = ("chaos", "xor", "--epochs", "400", "--faults", "4", "--pause", "0.02", "--runtime", "threads")
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_table_of_faults_and_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--kinds", "exception,kill"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split()[:3] == ["fault", "times", "deaths"]
    assert out.splitlines()[-1] == "verdict: identical"
    assert "by layers that never died 0" in out
    assert err.splitlines() == ["training undisturbed", "training with faults"]


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_redrawn_from_the_first_training_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    assert main([*SHORT, "--kinds", "kill"]) == 0
    lines = shown.getvalue().split("\r\x1b[2K")
    assert lines[:3] == ["", "training undisturbed", "training with faults: 0 of 4 faults"]
    assert "training with faults: 1 of 4 faults" in lines
    assert lines[-1] == ""
    assert "\n" not in shown.getvalue()
    assert capsys.readouterr().out.splitlines()[-1] == "verdict: identical"


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
