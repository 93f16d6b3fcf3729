"""What all pages promise: links that lead somewhere, settings that are settings, and output as it is printed."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.runs.config import resolve
from tests.readmes import ROOT, blocks, commands, shape, write_loans

README = ROOT / "README.md"
PAGES = [
    path
    for folder in ("", "annex_actors", "supervisors", "examples", ".github")
    for path in sorted((ROOT / folder).glob("*.md" if not folder else "**/*.md"))
]
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def page(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = [link for link in LINK.findall(path.read_text()) if not link.startswith("http")]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_first_page_is_read_in_a_few_minutes() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_every_page_is_reached_from_the_first_one() -> None:
    reached, left = set[Path](), [README]
    while left:
        path = left.pop()
        reached.add(path)
        links = [(path.parent / link).resolve() for link in LINK.findall(path.read_text()) if "://" not in link]
        pages = [link / "README.md" if link.is_dir() else link for link in links]
        left += [each for each in pages if each.suffix == ".md" and each.is_file() and each not in reached]
    apart = {ROOT / ".github" / name for name in ("SECURITY.md", "pull_request_template.md")}
    assert set(PAGES) - reached - apart == set()


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "toml")], ids=page)
def test_settings_are_settings(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_loans(tmp_path)
    monkeypatch.chdir(tmp_path)
    for text in blocks(path, "toml"):
        resolve(tomllib.loads(text))


OWN = [command for command in commands(README) if "loans" in command]
CRASHED = [command for command in commands(README) if command not in OWN]


@pytest.mark.parametrize("command", CRASHED)
def test_a_run_prints_what_the_readme_shows(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)) == 0
    got = capsys.readouterr()
    printed = [*got.err.splitlines(), *got.out.splitlines()]
    assert shape([line for line in printed if not line.startswith("saved in")]) == shape(commands(README)[command])


def test_the_weights_that_the_readme_shows_are_the_same_with_crashes_and_without() -> None:
    hashes = {commands(README)[command][-1] for command in CRASHED}
    assert len(CRASHED) == 2
    assert len(hashes) == 1
