"""Counts in sentences: in the singular for one, and in every message of both packages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from annex_actors.base.words import counted
from tests.readmes import ROOT

AFTER_A_VALUE = re.compile(r" (?!of |to |with )(?:[a-z]+ ){0,2}?([a-z]+s)\b")
NO_PLURALS = {
    *("answers", "as", "asks", "does", "has", "is", "its", "less", "ms", "this", "times", "was"),
    *(
        "changes",
        "climbs",
        "demands",
        "differs",
        "ends",
        "fails",
        "gives",
        "goes",
        "hangs",
        "lacks",
        "moves",
        "lets",
        "mixes",
        "needs",
    ),
    *("returns", "runs", "says", "sends", "starts", "stops", "takes", "uses", "waits", "writes"),
    *("class", "process"),
}
"""Words with an s that may follow a value in a sentence, since they count nothing: verbs, mostly."""
UNITS = (" samples/s",)
TEXTS = {"part"}
"""Values that are no counts: the training or the test part of a data set."""


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "step", "0 steps"),
        (1, "step", "1 step"),
        (2, "step", "2 steps"),
        (1, "batch", "1 batch"),
        (3, "batch", "3 batches"),
        (2, "epoch", "2 epochs"),
        (2, "process", "2 processes"),
        (1_200_000, "sample", "1,200,000 samples"),
    ],
)
def test_one_is_in_the_singular(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text


def test_a_plural_that_no_rule_makes_is_given() -> None:
    assert counted(1, "piece of work", "pieces of work") == "1 piece of work"
    assert counted(2, "piece of work", "pieces of work") == "2 pieces of work"


def plurals_after_values(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each f-string with a value before what may be a noun in the plural."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, node.values[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            text = str(after.value)
            name = value.value.id if isinstance(value.value, ast.Name) else ""
            if name in TEXTS or name.isupper():  # a constant is never one thing now and several then
                continue
            found = AFTER_A_VALUE.match(text)
            if found and found[1] not in NO_PLURALS and not text.startswith(UNITS):
                yield node.lineno, ast.unparse(node)


SOURCES = [path for package in ("annex_actors", "supervisors") for path in sorted((ROOT / package).rglob("*.py"))]


def test_every_count_in_a_message_goes_through_counted() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in SOURCES
        for line, text in plurals_after_values(path.read_text())
    ]
    assert found == [], "write f\"{counted(n, 'step')}\", or add a word that counts nothing to NO_PLURALS"


def test_the_check_sees_a_plural_of_one() -> None:
    assert list(plurals_after_values('f"{n} steps"')) == [(1, "f'{n} steps'")]
    assert list(plurals_after_values('f"{n} committed steps are saved"')) != []
    assert list(plurals_after_values('f"{name} is late"')) == []
