"""What the page on the command line shows of a walk is what is printed, and its words are all the words."""

from __future__ import annotations

import re
import shlex

import pytest

from annex_actors.cli import main
from annex_actors.stepping.script import WORDS
from tests.readmes import ROOT, commands

PAGE = ROOT / "annex_actors" / "cli" / "README.md"


def test_a_walk_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = [each for each in commands(PAGE) if each.startswith("step xor")]
    assert main(shlex.split(shown)) == 0
    printed = capsys.readouterr().out.splitlines()
    assert without_hashes(printed) == without_hashes(commands(PAGE)[shown])


def without_hashes(lines: list[str]) -> list[str]:
    return [re.sub(r"#[0-9a-f]{8}", "#", line) for line in lines]


def test_the_page_has_each_word_and_what_it_does() -> None:
    for word, does in WORDS.items():
        assert f"| `{word.replace(', ', '`, `')}` | {does} |" in PAGE.read_text()
