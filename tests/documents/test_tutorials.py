"""The tutorials: their commands print what they show, where the data are on this machine."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.data import catalog
from tests.readmes import ROOT, blocks, commands, shape

TUTORIALS = sorted((ROOT / "examples" / "tutorials").glob("*.md"))
HERE = {entry.name for entry in catalog() if entry.available}


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_commands_print_what_the_tutorial_shows(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = commands(path)
    needed = {command.split()[1] for command in shown if command.startswith("train ")}
    if not needed <= HERE:
        pytest.skip(f"{', '.join(sorted(needed - HERE))} is not on this machine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for table in blocks(path, "csv"):
        Path("new.csv").write_text(table)
    for command, expected in shown.items():
        assert main(shlex.split(command)) == 0
        got = capsys.readouterr()
        printed = [line for line in [*got.err.splitlines(), *got.out.splitlines()] if not line.startswith("saved in")]
        assert shape(printed) == shape(expected)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_is_one_page_with_a_script_of_its_name(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 75
    assert (ROOT / "examples" / f"{path.stem}.py").is_file()
    assert f"](../{path.stem}.py)" in path.read_text()


def test_a_layer_that_crashes_changes_no_face() -> None:
    undisturbed, crashed = (printed[-1] for printed in commands(ROOT / "examples" / "tutorials" / "faces.md").values())
    assert undisturbed == crashed
