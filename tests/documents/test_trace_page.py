"""What the page on the command line shows of traces is what they print, up to times."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.tracing.waits import REASONS
from tests.readmes import ROOT, commands

PAGE = ROOT / "annex_actors" / "cli" / "README.md"
SHOWN = ("train digits --layers", "trace run", "train xor --layers", "trace small")


def test_the_traces_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    shown = {command: lines for command, lines in commands(PAGE).items() if command.startswith(SHOWN)}
    assert len(shown) == len(SHOWN) + 1
    for command, lines in shown.items():
        assert main(shlex.split(command)) == 0
        printed = "".join(capsys.readouterr()).splitlines()
        if "--to sequence" in command:
            assert printed == lines
        else:
            assert first_words(printed) == first_words(lines), command


def first_words(lines: list[str]) -> set[str]:
    """Return the labels of a table and how the sentences begin: which columns there are depends on the times."""
    return {re.sub(r"[\d.,]+", "#", " ".join(line.split("  ")[0].split()[:2])) for line in lines}


def test_the_page_says_what_each_reason_means() -> None:
    text = PAGE.read_text()
    assert [reason for reason in REASONS if reason not in text] == []
