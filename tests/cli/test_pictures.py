"""Pictures from the command line: in folders of classes, in a table of paths, and in a folder without classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.cli import main

pillow = pytest.importorskip("PIL.Image")

QUICK = ["--epochs", "2", "--quiet", "--layers", "flatten dense:4 tanh dense:2"]


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of dark and light pictures, a table of the same, a folder with all of them, and one of other sizes."""
    monkeypatch.chdir(tmp_path)
    draw, lines = np.random.default_rng(0), ["file,kind"]
    for name, least in (("dark", 0), ("light", 150)):
        for index in range(12):
            pixels = draw.integers(least, least + 100, (8, 6), np.uint8)
            for path in (f"sorted/{name}/{index:02d}.png", f"flat/{name}-{index:02d}.png"):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                pillow.fromarray(pixels).save(path)
            Path(f"sizes/{name}").mkdir(parents=True, exist_ok=True)
            pillow.fromarray(pixels).resize((6 + index, 9)).save(f"sizes/{name}/{index:02d}.png")
            lines.append(f"flat/{name}-{index:02d}.png,{name}")
    Path("listed.csv").write_text("\n".join(lines) + "\n")


def predicted(capsys: pytest.CaptureFixture[str], run: str, path: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["predict", run, path, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_pictures_are_predicted_however_they_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "sorted", *QUICK, "--run-dir", "run"]) == 0
    by_class = predicted(capsys, "run", "sorted")
    assert len(by_class["outputs"]) == 24
    assert by_class["metrics"]["accuracy"] >= 0.5
    for path in ("flat", "listed.csv"):
        other = predicted(capsys, "run", path)
        assert other["outputs"] == by_class["outputs"]
        assert other["metrics"] == {}


def test_a_table_of_paths_is_trained_on_as_the_folders_are() -> None:
    assert main(["train", "sorted", *QUICK, "--run-dir", "one"]) == 0
    assert main(["train", "listed.csv", "--label", "kind", *QUICK, "--run-dir", "two"]) == 0
    results = [json.loads((Path(run) / "result.json").read_text()) for run in ("one", "two")]
    assert results[0]["weights_sha256"] == results[1]["weights_sha256"]


def test_size_and_colours_are_settings_and_new_pictures_are_made_alike(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "sizes", *QUICK, "--run-dir", "refused"]) == 2
    assert "give a size" in capsys.readouterr().err
    options = ["--set", "data.size=[5, 4]", "--set", "data.color_mode=rgb"]
    assert main(["train", "sizes", *QUICK, *options, "--run-dir", "run"]) == 0
    assert json.loads(Path("run/network.json").read_text())["input_shape"] == [5, 4, 3]
    assert len(predicted(capsys, "run", "flat")["predictions"]) == 24
    assert main(["train", "run/config.toml", "--quiet", "--run-dir", "again"]) == 0
    results = [json.loads((Path(run) / "result.json").read_text()) for run in ("run", "again")]
    assert results[0]["weights_sha256"] == results[1]["weights_sha256"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["train", "iris", "--set", "data.size=[5, 4]"], "expected `size` with pictures only, got"),
        (["train", "cells.csv", "--set", "data.color_mode=rgb"], "expected `color_mode` with pictures only, got"),
        (["train", "listed.csv", "--drop", "kind"], "expected `drop` with a table of cells only, got"),
        (["train", "sorted", "--set", "data.size=[5, 0]"], "expected `size[1]` to be"),
        (["train", "sorted", "--set", "data.color_mode=cmyk"], "expected `color_mode` to be one of grayscale, rgb"),
    ],
)
def test_settings_of_pictures_that_do_not_fit_are_refused(
    capsys: pytest.CaptureFixture[str], command: list[str], message: str
) -> None:
    Path("cells.csv").write_text("x,y\n1,a\n2,b\n3,a\n4,b\n")
    assert main([*command, "--run-dir", "refused"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_pictures_for_a_network_of_other_samples_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "xor", "--epochs", "1", "--quiet", "--run-dir", "run"]) == 0
    assert main(["predict", "run", "flat"]) == 2
    assert "expected samples of shape (2,), as in training, got pictures in flat" in capsys.readouterr().err
