from __future__ import annotations

import json
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.texts import listed, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dense:8 → (8,)\nß", "dense:8 → (8,)\nß"),
        ("\x1b[2J\x07", "\\u001b[2J\\u0007"),
        ("\x9b31m \x7f", "\\u009b31m \\u007f"),
        ("a\rb\tc", "a\\u000db\\u0009c"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\udb40\\udc41"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_json_stays_json(text: str) -> None:
    encoded = json.dumps({"text": text}, ensure_ascii=False)
    assert json.loads(printable(encoded)) == {"text": text}


def test_many_and_long_names_are_listed_in_part() -> None:
    assert listed(["a", "b", 3]) == "a, b, 3"
    assert listed(["x" * 10**6, "y"]) == f"{'x' * 80}…, y"
    assert listed(ascii_lowercase * 1000).endswith(", …")
