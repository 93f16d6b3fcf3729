"""The words of the package are explained, and what the explanations name is there."""

from __future__ import annotations

import re
from functools import reduce
from importlib import import_module

import pytest

from annex_actors.cli import main
from annex_actors.cli.options import TERM_OF
from annex_actors.glossary import GROUPS, TERMS, Term
from tests.readmes import ROOT, commands

PAGE = ROOT / "annex_actors" / "cli" / "README.md"


def test_there_are_forty_each_in_one_group() -> None:
    assert [each for group in GROUPS.values() for each in group] == list(TERMS.values())
    assert len(TERMS) == 40


@pytest.mark.parametrize("term", TERMS.values(), ids=lambda term: term.name)
def test_a_term_is_explained_in_two_sentences_and_its_place_exists(term: Term) -> None:
    assert len(re.findall(r"\.(?= [A-Z`]|$)", term.meaning)) == 2
    assert not re.search(rf"^(?:an? |the )?{term.name}\b", term.meaning, flags=re.IGNORECASE), "explained by itself"
    module, _, name = term.place.partition(":")
    assert reduce(getattr, name.split("."), import_module(module)) is not None
    assert (ROOT / term.file).is_file()
    assert re.search(rf"^ *(?:class |def )?{term.member.rpartition('.')[2]}\b", (ROOT / term.file).read_text(), re.M)


def test_help_refers_to_terms_that_are_there() -> None:
    assert {*TERM_OF.values()} <= {*TERMS}


@pytest.mark.parametrize("name", TERMS)
def test_each_term_can_be_asked_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *name.upper().split()]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{name}: ")
    assert shown.splitlines()[-1] == f"In the code: {TERMS[name].member} in {TERMS[name].file}"


def test_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^{name}  ", shown, re.M) for name in TERMS)


@pytest.mark.parametrize(("given", "meant"), [("credits", "credit"), ("micro-batch", "microbatch"), ("Upstream", None)])
def test_an_unknown_term_is_one_line_with_the_nearest(
    given: str, meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", given]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("error: expected `term` to be one of actor, message, ")
    assert error.endswith(f"did you mean {meant or 'upstream backup'!r}?\n")


def test_the_page_shows_what_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for command, printed in commands(PAGE).items():
        if command.startswith("explain") and printed:
            assert main(command.split()) == 0
            assert capsys.readouterr().out.splitlines() == printed
