"""The page on layers is true: its code is the example's, and its commands work as they stand there."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from annex_actors.base.user_files import run_user_file
from annex_actors.cli import main
from annex_actors.layers import LAYERS
from annex_actors.testing import check_layer
from tests.readmes import ROOT, blocks, commands
from tests.tables import restored

PAGE = ROOT / "annex_actors" / "layers" / "README.md"
EXAMPLE = ROOT / "examples" / "own_layer.py"


def test_its_code_is_that_of_the_example() -> None:
    assert blocks(PAGE, "python")[0] == EXAMPLE.read_text()


@pytest.mark.parametrize("command", commands(PAGE))
def test_a_command_works(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restored(monkeypatch)
    shutil.copy(EXAMPLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(command), "--quiet"]) == 0


def test_the_layer_keeps_the_promises_that_the_page_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restored(monkeypatch)
    run_user_file(shutil.copy(EXAMPLE, tmp_path))
    check = blocks(PAGE, "python")[1]
    exec(check, {"LowRank": LAYERS["low_rank"], "check_layer": check_layer})


@pytest.mark.parametrize("index", [-2, -1])
def test_its_code_with_torch_works(index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shown.py").write_text(blocks(PAGE, "python")[index])
    assert "torch" in blocks(PAGE, "python")[index]
    run_user_file("shown.py")  # a file, since a factory needs one
