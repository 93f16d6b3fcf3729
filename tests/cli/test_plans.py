"""A plan on the command line: as text or from a file, kept with the run, and used again with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annex_actors.cli import main
from annex_actors.runs.toml_settings import read_settings
from tests.cli.commands import HASHES, printed

NETWORK = ["iris", "--layers", "dense:8 relu dropout:0.2 dense:3", "--epochs", "2"]
FILE = """\
[[stages]]
layers = ["dense:8", "relu", "dropout:0.2"]

[[stages]]
layers = ["dense:3", "cost"]
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test in its own folder, where runs are kept."""
    monkeypatch.chdir(tmp_path)


def trained(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    return printed(capsys, "train", *NETWORK, *options, code=0)


def hashes(result: dict[str, Any]) -> list[str]:
    return [result[name] for name in HASHES]


def test_a_plan_gives_the_same_hashes_and_its_text_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.toml").write_text(FILE)
    text = trained(capsys, "--stages", "3,1", "--run-dir", "text")
    file = trained(capsys, "--plan", "plan.toml", "--run-dir", "file")
    Path("plan.toml").unlink()
    again = printed(capsys, "train", "file/config.toml", code=0)
    assert [each["stages"] for each in (text, file, again)] == [2, 2, 2]
    assert hashes(text) == hashes(file) == hashes(again) == hashes(trained(capsys))
    assert read_settings(Path("text/config.toml")) == read_settings(Path("file/config.toml"))
    assert read_settings(Path("file/config.toml"))["training"]["stages"] == "3,1"


def test_a_plan_of_one_stage_is_one_actor(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.toml").write_text("[[stages]]\nlayers = 4\n")
    assert trained(capsys, "--plan", "plan.toml", "--run-dir", "run")["stages"] == 1
    assert read_settings(Path("run/config.toml"))["training"]["stages"] == 1


def test_a_run_goes_on_with_its_blas_threads_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    two = "4:blas_threads=2"
    trained(capsys, "--stages", two, "--run-dir", "run")
    whole = trained(capsys, "--stages", two, "--epochs", "3")
    assert hashes(printed(capsys, "resume", "run", "--epochs", "3", code=0)) == hashes(whole)
    assert main(["replay", "run", "--step", "1", "--layer", "0"]) == 0
    config = Path("run/config.toml")
    config.write_text(config.read_text().replace(f'stages = "{two}"', "stages = 1"))
    capsys.readouterr()
    assert main(["resume", "run", "--epochs", "4"]) == 2
    expected = "error: expected the `blas_threads` that the training began with, 2, got none; go on with that, or begin"
    assert capsys.readouterr().err.startswith(expected)


def test_a_file_and_a_text_are_not_both_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "xor", "--plan", "plan.toml", "--stages", "2"]) == 2
    assert capsys.readouterr().err == "error: expected --plan or --stages, got both; leave one out\n"
    assert list(Path.cwd().iterdir()) == []


def test_a_layer_that_a_file_leaves_out_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.toml").write_text(FILE.replace('"relu", ', ""))
    assert main(["train", *NETWORK, "--plan", "plan.toml"]) == 2
    expected = (
        "plan.toml: expected each layer in a stage, got 'dropout:0.2' in stage 0, which leaves out layer 1 (relu)"
    )
    assert expected in capsys.readouterr().err
    assert not Path("runs").exists()


def test_the_summary_shows_the_actors_of_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.toml").write_text(FILE)
    for option in (["--stages", "3,1"], ["--plan", "plan.toml"]):
        assert main(["summary", *NETWORK[:3], *option, "--json"]) == 0
        assert [row["actor"] for row in json.loads(capsys.readouterr().out)["rows"]] == [0, 0, 0, 1, 1]


def test_the_plan_that_auto_has_found_is_said_and_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "xor", "--epochs", "2", "--stages", "auto", "--runtime", "inline", "--run-dir", "run"]) == 0
    said = capsys.readouterr().err
    training = read_settings(Path("run/config.toml"))["training"]
    assert f"stages {training['stages']} with {training['microbatches']} microbatch" in said
    assert "layer with 2 microbatches: " in said
    assert main(["resume", "run", "--epochs", "3"]) == 0
    assert read_settings(Path("run/config.toml"))["training"]["stages"] == training["stages"]


def test_a_plan_serves_the_search_of_a_rate_and_chaos(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.toml").write_text(FILE)
    rates = [
        printed(capsys, "find-rate", *NETWORK[:3], "--steps", "20", *option, code=0)
        for option in ([], ["--plan", "plan.toml"])
    ]
    assert rates[0] == rates[1]
    chaos = ["chaos", *NETWORK, "--faults", "1", "--kinds", "move", "--plan"]
    struck = printed(capsys, *chaos, "plan.toml", code=0)
    assert [struck[name] for name in HASHES] == hashes(trained(capsys))
    for command in ("find-rate", "chaos"):
        assert main([command, *NETWORK[:3], "--plan", "none.toml"]) == 2
        assert capsys.readouterr().err == "error: expected a plan at none.toml, got none; check the path\n"
