"""Runs whose inputs stay in files, from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main
from tests import tables
from tests.cli.commands import HASHES, printed

OPTIONS = ["own.npz", "--epochs", "3", "--batch-size", "20", "--layers", "dense:5 tanh dense:3", "--quiet"]
LEFT = ["--set", "data.in_memory=false"]
CRASH = ["--crash", "layer=0,step=7,times=9", "--max-attempts", "1"]

SHRINKING = """
import os
from annex_actors import layer, register_layer

seen = []

def forward(inputs):
    seen.append(0)
    if len(seen) == 7:
        os.truncate("own.npz", 5000)
    return inputs

register_layer("shrinking", lambda: layer(forward, lambda inputs, gradient: gradient, name="shrinking"))
"""


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables.restored(monkeypatch)
    inputs = np.random.default_rng(0).standard_normal((300, 4))
    np.savez("own.npz", x=inputs, y=np.abs(inputs).sum(axis=1).astype(int) % 3)


def test_a_run_has_the_same_hashes_with_inputs_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    kept, left = (printed(capsys, "train", *OPTIONS, *options) for options in ([], LEFT))
    assert [left[name] for name in HASHES] == [kept[name] for name in HASHES]
    assert left["test_cost"] == kept["test_cost"]


@pytest.mark.parametrize("began", [[], LEFT], ids=["in memory", "in a file"])
def test_a_run_is_resumed_whichever_way_it_began(began: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    expected = printed(capsys, "train", *OPTIONS)
    assert main(["train", *OPTIONS, *began, *CRASH, "--run-dir", "run"]) == 1
    config = Path("run") / "config.toml"
    text = config.read_text()
    other = [] if began else ["in_memory = false"]
    lines = [line for line in text.splitlines() if not line.startswith("in_memory")]
    config.write_text("\n".join(each for line in lines for each in [line, *(other if line == "[data]" else [])]))
    capsys.readouterr()
    resumed = printed(capsys, "resume", "run", "--quiet")
    assert [resumed[name] for name in HASHES] == [expected[name] for name in HASHES]


def test_a_run_is_not_resumed_with_another_content_of_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *OPTIONS, *LEFT, *CRASH, "--run-dir", "run"]) == 1
    with np.load("own.npz") as arrays:
        np.savez("own.npz", x=arrays["x"] + 1, y=arrays["y"])
    capsys.readouterr()
    assert main(["resume", "run", "--quiet"]) == 2
    assert "expected the `training data` that the training began with" in capsys.readouterr().err


def test_a_file_that_shrinks_ends_the_run_and_names_the_reader_and_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("own.py").write_text(SHRINKING)
    size = os.path.getsize("own.npz")
    layers = ["--layers", "shrinking dense:3", "--load", "own.py", "--run-dir", "run"]
    assert main(["train", "own.npz", "--epochs", "99", *layers, *LEFT, "--quiet"]) != 0
    error = capsys.readouterr().err
    assert error.startswith("error: reader: step ")
    assert f"own.npz: expected the file as it was when it was opened, of {size:,} bytes, got 5,000 bytes" in error
    assert error.count("\n") == 1


def test_the_setting_is_refused_where_nothing_can_stay_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "iris", *LEFT]) == 2
    assert "expected `in_memory` with a table, arrays or a folder of pictures only" in capsys.readouterr().err
