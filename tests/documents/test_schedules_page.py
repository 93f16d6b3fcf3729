"""The page on schedules shows what is printed, and its code is the example's."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.schedules.table import DISCIPLINES
from tests.readmes import ROOT, blocks, commands
from tests.tables import restored

PAGE = ROOT / "annex_actors" / "schedules" / "README.md"
EXAMPLE = ROOT / "examples" / "own_schedule.py"
PICTURES = {command: printed for command, printed in commands(PAGE).items() if printed}
OTHERS = [command for command, printed in commands(PAGE).items() if not printed]


def test_every_schedule_has_its_picture() -> None:
    shown = {command.rpartition("--schedule ")[2].partition(":")[0] for command in PICTURES}
    assert shown == {name.partition(":")[0] for name in DISCIPLINES}


@pytest.mark.parametrize("command", PICTURES)
def test_a_picture_is_what_is_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)) == 0
    printed = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert printed == PICTURES[command]


@pytest.mark.parametrize("command", OTHERS)
def test_a_command_with_a_schedule_of_ones_own_works(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored(monkeypatch)
    shutil.copy(EXAMPLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)) == 0


def test_its_code_is_that_of_the_example() -> None:
    assert blocks(PAGE, "python")[0] == EXAMPLE.read_text()
