from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.shown import brief, shown


class Colour(Enum):
    RED = 1


class Plain:
    pass


class Broken:
    def __repr__(self) -> str:
        raise ZeroDivisionError


class Lines:
    def __repr__(self) -> str:
        return "one\ntwo"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "'text'"),
        (3, "3"),
        (10**400, "an integer of about 401 digits"),
        (-(10**5000), "an integer of about 5,001 digits"),
        (np.ones((2, 3), np.float32), "an array of shape (2, 3), float32"),
        ([np.ones(2)], "[an array of shape (2,), float64]"),
        (dict, "the class dict"),
        (len, "the function len"),
        (lambda: 3, "a lambda"),
        (Plain(), "an instance of Plain"),
        (Broken(), "an instance of Broken"),
        (Lines(), "one two"),
        (Colour.RED, "Colour.RED"),
        (Path("a/b"), "'a/b'"),
        (list(range(100)), "[0, 1, 2, 3, ...]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "value",
)
def test_a_value_is_shown_in_words_where_it_has_no_short_form(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_text_of_any_length_is_cut() -> None:
    assert len(shown("x" * 10**6)) <= 100
    assert len(shown({f"key{i}": "x" * 100 for i in range(100)})) <= 100


@dataclass
class Settings:
    weights: Any
    rate: float = 0.5
    names: list[str] = field(default_factory=list)

    __repr__ = brief


def test_a_dataclass_is_shown_as_the_call_that_makes_it_without_defaults() -> None:
    assert repr(Settings(np.ones(3))) == "Settings(weights=an array of shape (3,), float64, names=[])"
    assert repr(Settings(None, rate=0.1, names=["a"])) == "Settings(weights=None, rate=0.1, names=['a'])"
