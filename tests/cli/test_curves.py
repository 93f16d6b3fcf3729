"""`annex-actors curves`: pictures of what the runs recorded."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from annex_actors.cli import main


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs of 3 and 5 epochs."""
    folder = tmp_path_factory.mktemp("runs")
    for name, epochs in (("three", "3"), ("_$five$", "5")):
        assert main(["train", "xor", "--epochs", epochs, "--quiet", "--run-dir", str(folder / name)]) == 0
    return folder


def points(picture: Path, color: str) -> list[int]:
    """Return how many points each curve of a colour has in an SVG."""
    paths = ElementTree.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}path")
    drawn = [
        each.get("d", "") for each in paths if f"stroke: {color}" in each.get("style", "") and each.get("clip-path")
    ]
    return [path.count("L") + 1 for path in drawn]


def test_each_run_has_its_curves(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(runs)
    assert main(["curves", "three", "_$five$", "--out", str(tmp_path / "x.svg")]) == 0
    assert points(tmp_path / "x.svg", "#1f77b4") == [3, 3, 3]  # cost, test cost, accuracy
    assert points(tmp_path / "x.svg", "#ff7f0e") == [5, 5, 5]
    text = (tmp_path / "x.svg").read_text()
    for name in ("three", "./_$five$", "accuracy"):
        assert f"<!-- {name} -->" in text


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_same_runs_give_the_same_picture(runs: Path, tmp_path: Path, ending: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one", "two"):
        assert main(["curves", str(runs / "three"), "--out", str(tmp_path / f"{name}.{ending}")]) == 0
    content = (tmp_path / f"one.{ending}").read_bytes()
    assert content.startswith(begins)
    assert content == (tmp_path / f"two.{ending}").read_bytes()


def test_what_cannot_be_drawn_is_one_line(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Path(shutil.copytree(runs / "three", tmp_path / "begun"))
    (begun / "metrics.jsonl").write_text("")
    out = ["--out", str(tmp_path / "x.png")]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        assert main(["curves", str(runs / "three"), *out]) == 2
    assert main(["curves", str(begun), *out]) == 2
    assert main(["curves", str(runs / "three"), "--out", "x.gif"]) == 2
    missing, unfinished, ending = capsys.readouterr().err.splitlines()
    assert missing == "error: expected matplotlib for curves, got none; pip install 'annex-actors[plots]'"
    assert unfinished.startswith("error: expected a run with a finished epoch, got none in ")
    assert ending == "error: expected a picture that ends in .png, .svg, .pdf, got 'x.gif'; rename it"
    assert not (tmp_path / "x.png").exists()
