from __future__ import annotations

import sys
from pathlib import Path

import pytest

from annex_actors.cli import main

NETWORK = ["--data", "iris", "--layers", "dense:4 relu dense:3", "--runtime", "inline"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a profile of the network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    options = ["--runtimes", "inline", "--seconds", "0.05", "--out", "known.json"]
    assert main(["profile", *NETWORK[1:4], *options]) == 0


def test_the_front_is_shown_and_everything_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    capsys.readouterr()
    options = ["--profile", "known.json", "--out", "all.csv", "--picture", "all.png", "--report", "all.html"]
    assert main(["sweep", "stages=1..2", "microbatches=1,2", "schedule=gpipe", *NETWORK, *options]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:3] == ["schedule", "stages", "microbatches"]
    assert "of 4 combinations" in out
    assert len(Path("all.csv").read_text().splitlines()) == 5
    assert Path("all.html").read_text().startswith("<!doctype html>")
    assert Path("all.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_drawn_is_refused_before_the_sweep(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capsys.readouterr()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["sweep", "stages=1", *NETWORK, "--picture", "x.png", "--out", "y.csv"]) == 2
    out, error = capsys.readouterr()
    assert error == "error: expected matplotlib for a heat map, got none; pip install 'annex-actors[plots]'\n"
    assert out == ""
    assert not Path("y.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["stages=x"], "expected `stages` as 3, 1..6 or 1,2,4, got 'x'"),
        (["stages=1", "--picture", "x.txt"], "expected a picture that ends in .png"),
    ],
)
def test_a_mistake_is_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["sweep", *options, *NETWORK]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1
