from __future__ import annotations

import json
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.schedules.table import DISCIPLINES
from tests import tables

MINE = """
from annex_actors import B, Discipline, F, W, register_schedule

register_schedule(Discipline("two-at-most", "two in flight", (B, F, W), credit=lambda s, S, m: 2))
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that registers the schedule ``two-at-most``, in the current folder."""
    tables.restored(monkeypatch)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_the_order_is_drawn_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--stages", "2", "--microbatches", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "time     0  1  2  3  4  5  6  7  8",
        "stage-0  F0 F1 ·  B0 ·  B1 W----",
        "stage-1  ·  F0 B0 F1 B1 W----",
    ]
    assert lines[4] == "F forward, B backward, W weight gradient, with the microbatch's number; · idle"
    assert lines[5] == "1f1b: 8 units of time, the workers busy for 75 %; the longest bubble 2"
    assert [line.split() for line in lines[8:]] == [["0", "2", "2", "1"], ["1", "1", "2", "1"]]


@pytest.mark.parametrize("schedule", DISCIPLINES)
def test_json_has_the_same_keys_for_every_schedule(schedule: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--schedule", schedule, "--times", "1,1.5,0.5,0.25", "--latency", "0.1", "--steps", "2", "--json"]
    assert main(["simulate", *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary.keys() == {"schedule", "makespan", "idle", "busy", "messages", "stages"}
    assert 0 < summary["busy"] <= 1
    assert len(summary["stages"]) == 4


def test_decimals_are_exact(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--stages", "2", "--microbatches", "10", "--times", "0.1,0.2,0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["makespan"] == 3.3


def test_schedules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schedules"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    listed = {row[0]: row[1] for row in rows[1:] if row and row[0] in DISCIPLINES}
    assert listed.keys() == DISCIPLINES.keys()
    assert (listed["zb-h1"], listed["2bw"], listed["no-stash"]) == ("synchronous", "asynchronous", "teaching")


def test_a_users_own_schedule_is_simulated_listed_and_trained_with(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--load", "mine.py", "--schedule", "two-at-most"]) == 0
    assert "two-at-most: " in capsys.readouterr().out
    assert main(["schedules", "--load", "mine.py"]) == 0
    assert "two in flight" in capsys.readouterr().out
    assert main(["train", "xor", "--epochs", "2", "--load", "mine.py", "--schedule", "two-at-most", "--json"]) == 0
    own = json.loads(capsys.readouterr().out)
    assert main(["train", "xor", "--epochs", "2", "--json"]) == 0
    assert own["weights_sha256"] == json.loads(capsys.readouterr().out)["weights_sha256"]
    assert own["schedule"] == "two-at-most"


def test_a_run_with_a_users_own_schedule_is_repeated_from_its_config_in_any_folder(
    mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--load", "mine.py", "--schedule", "two-at-most", "--run-dir", "run", "--json"]
    assert main(["train", "xor", "--epochs", "2", *options]) == 0
    first = json.loads(capsys.readouterr().out)
    elsewhere = mine.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["train", "../run/config.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights_sha256"] == first["weights_sha256"]
    assert main(["inspect", "../run"]) == 0


BAD = {
    "simulate --schedule 2f2b": "expected `schedule` to be one of sequential, gpipe",
    "simulate --stages 0": "expected `stages` to be an integer >= 1, got 0",
    "simulate --microbatches 0": "expected `microbatches` to be an integer >= 1, got 0",
    "simulate --steps 0": "expected `steps` to be an integer >= 1, got 0",
    "simulate --times 1,1": "expected `times` to be three or four numbers such as 1,1,1, got '1,1'",
    "simulate --times 1,x,1": "expected `times` to be numbers, got 'x'",
    "simulate --latency=-1": "expected `latency` to be at least 0, got -1",
    "simulate --latency=1e999999999": "expected `latency` to be numbers, got '1e999999999'",
    "simulate --times=1,1,1e-999999999": "expected `times` to be numbers, got '1e-999999999'",
    "simulate --latency=1e999": "expected `latency` to be a number >= 0, got an integer of about",
    "simulate --schedule interleaved:0": "expected `chunks` to be an integer >= 1, got 0",
    "simulate --load missing.py": "expected a Python file to load at missing.py, got none; check the path",
    "schedules --load raises.py": "expected raises.py, line 3, to run, got ZeroDivisionError: division by zero",
    "train xor --load syntax.py": "expected syntax.py, line 1, to run, got SyntaxError",
    "train xor --load taken.py": "expected a new name for the schedule, one word without colons, got '1f1b'",
}


@pytest.mark.parametrize("command", BAD)
def test_a_mistake_is_an_error_of_one_line(
    command: str, mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("raises.py").write_text("x = 1\n\nx / 0\n")
    Path("syntax.py").write_text("x = = 1\n")
    Path("taken.py").write_text(MINE.replace("two-at-most", "1f1b"))
    assert main(command.split()) == 2
    err = capsys.readouterr().err
    assert BAD[command] in err
    assert err.count("\n") == 1
