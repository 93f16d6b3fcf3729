"""What the README shows is what is printed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from annex_actors.cli import main

README = (Path(__file__).parents[2] / "README.md").read_text()
PROMPT = "$ annex-actors simulate "


def pictures() -> dict[str, list[str]]:
    """Return the pictures in the README by their commands."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in README.splitlines():
        if line.startswith(PROMPT):
            current = found[line.removeprefix("$ annex-actors ")] = []
        elif line.startswith(("```", "$")):
            current = None
        elif current is not None:
            current.append(line)
    return found


def test_every_schedule_has_its_picture() -> None:
    from annex_actors.schedules.table import DISCIPLINES

    shown = {command.rpartition("--schedule ")[2].partition(":")[0] for command in pictures()}
    assert shown == {name.partition(":")[0] for name in DISCIPLINES}


@pytest.mark.parametrize("command", pictures())
def test_a_picture_is_what_is_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)) == 0
    printed = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert printed == pictures()[command]
