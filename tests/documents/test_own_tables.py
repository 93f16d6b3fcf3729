"""What pages say of one's own tables is true: their commands, one after the other, print what is shown."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.data.tables import read_table
from tests.readmes import ROOT, commands, shape, write_loans

PAGES = (ROOT / "README.md", ROOT / "annex_actors" / "cli" / "README.md")


@pytest.mark.parametrize("page", PAGES, ids=["first", "command line"])
def test_commands_on_a_table_print_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_loans(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    shown = {
        command: printed for command, printed in commands(page).items() if {"credit.csv", "loans"} & {*command.split()}
    }
    assert len(shown) >= 2
    for command, printed in shown.items():
        assert main(shlex.split(command)) == 0
        got = capsys.readouterr()
        lines = [line for line in [*got.err.splitlines(), *got.out.splitlines()] if not line.startswith("saved in")]
        assert shape(lines) == shape(printed)
    if Path("scored.csv").exists():
        assert read_table("scored.csv").names[-2:] == ("probability of bad", "probability of good")
