"""What the page on the command line shows of replays is what they print, up to hashes, which depend on the machine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from annex_actors.cli import main
from tests.readmes import ROOT, commands

PAGE = ROOT / "annex_actors" / "cli" / "README.md"
SHOWN = ("train iris", "replay run", "train diabetes", "replay high")


def test_the_replays_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = {command: lines for command, lines in commands(PAGE).items() if command.startswith(SHOWN)}
    assert len(shown) == len(SHOWN)
    for command, lines in shown.items():
        main(shlex.split(command))
        printed = "".join(capsys.readouterr()).splitlines()
        assert without_hashes(printed) == without_hashes(lines), command


def without_hashes(lines: list[str]) -> list[str]:
    return [re.sub(r"\b[0-9a-f]{16}\b", "#", line) for line in lines]
