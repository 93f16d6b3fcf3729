"""``annex-actors chaos``: a table and a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annex_actors.cli import main
from tests.kills import KILLS_THREADS

SHORT = ("chaos", "xor", "--epochs", "2000", "--blows", "4", "--pause", "0.02", "--runtime", "threads")
pytestmark = KILLS_THREADS


def test_blows_are_a_table_with_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--kinds", "exception,kill"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split()[:3] == ["blow", "times", "deaths"]
    assert out.splitlines()[-1] == "verdict: identical"
    assert "by layers that never died 0" in out
    assert "the same bits" in err


def test_json_has_all_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--json", "--kinds", "trainer"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["identical"] is True
    assert result["blows"]["trainer"] >= 4
    assert result["redone_by_survivors"] == 0
    assert result["recovery"]["trainer"]["p99_s"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kinds", "meteor"), "expected `kinds` to be one of exception, kill, stop"),
        (("--blows", "0"), "expected `blows` to be an integer >= 1, got 0"),
        (("--runtime", "inline"), "expected a runtime whose peers can be harmed, got inline"),
    ],
)
def test_bad_input_is_refused(options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chaos", "xor", *options]) == 2
    assert message in capsys.readouterr().err


def test_the_hang_seconds_of_a_config_file_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[data]\nname = "xor"\n[supervision]\nhang_seconds = -3.0\n')
    assert main(["chaos", str(config)]) == 2
    assert "expected `hang_seconds` to be a number > 0, got -3.0" in capsys.readouterr().err
