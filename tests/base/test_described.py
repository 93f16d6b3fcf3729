from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.described import ADDED, described
from annex_actors.optimizers import Cosine, Sgd


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Made:
    value: Any = None
    cache: int = field(default=0, compare=False)


class Plain:
    def __init__(self, value: object) -> None:
        self._value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def test_a_value_is_described_by_its_settings_and_those_of_the_values_in_it() -> None:
    assert described("optimizer", Sgd(learning_rate=Cosine(0.1, 100), momentum=0.9)) == {
        "optimizer": "sgd",
        "optimizer.class": "Sgd",
        "optimizer.learning_rate": "cosine:0.1:100",
        "optimizer.learning_rate.class": "Cosine",
        "optimizer.learning_rate.learning_rate": 0.1,
        "optimizer.learning_rate.steps": 100,
        "optimizer.momentum": 0.9,
        "optimizer.nesterov": False,
    }


def one() -> None: ...


def two() -> None: ...


DIFFERENT: list[tuple[object, object]] = [
    (1, 2),
    (None, 0),
    (None, ()),
    (0.1, np.nextafter(0.1, 1)),
    (Colour.RED, Colour.BLUE),
    ((), (0,)),
    ((1, 2), (2, 1)),
    ([1], (1,)),
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"b": 1}),
    ({1, 2}, {1, 3}),
    (tuple(range(99)), (*range(98), 0)),
    (((1.0, 2.0), (3.0, 4.0)), ((1.0, 2.0), (3.0, 5.0))),
    (["text"] * 99, ["text"] * 98),
    ([[1.0], [2.0, 3.0]] * 9, [[1.0], [2.0, 4.0]] * 9),
    (np.zeros(3), np.zeros(4)),
    (np.zeros(3), np.zeros(3, np.float32)),
    (np.zeros(3), np.array([0.0, 0.0, -0.0])),
    (np.array(["a"]), np.array(["b"])),
    (np.array([None, 1], object), np.array([None, 2], object)),
    (b"one", b"two"),
    (Path("one"), Path("two")),
    (one, two),
    (int, float),
    (partial(one), partial(two)),
    (Made(1), Made(2)),
    (Made(Made(1)), Made(Made(2))),
    (Plain(1), Plain(2)),
    (Slotted(1), Slotted(2)),
    (Plain(1), Slotted(1)),
]


@pytest.mark.parametrize("wrap", [lambda value: value, Made, Plain, Slotted], ids=["bare", "made", "plain", "slotted"])
@pytest.mark.parametrize(("first", "second"), DIFFERENT, ids=lambda value: type(value).__name__)
def test_what_differs_is_described_differently(first: object, second: object, wrap: Callable[[object], object]) -> None:
    assert described("x", wrap(first)) != described("x", wrap(second))
    assert described("x", wrap(first)) == described("x", wrap(first))


def test_what_is_not_compared_is_no_setting() -> None:
    assert described("x", Made(1, cache=1)) == described("x", Made(1, cache=2))


def test_the_order_of_a_mapping_does_not_count() -> None:
    assert described("x", {"a": 1, "b": 2}) == described("x", {"b": 2, "a": 1})


def test_a_value_that_is_a_part_of_itself_has_a_description() -> None:
    value = Plain(None)
    value._value = [value]
    assert described("x", value)["x._value[0]"] == "a part of itself"


def test_a_description_of_many_numbers_is_short() -> None:
    rows = tuple(map(tuple, np.random.default_rng(0).random((200, 300)).tolist()))
    assert len(str(described("x", Made(rows)))) < 200


@dataclass
class Grown:
    """A class that has got two fields since it was first described."""

    value: int = 1
    later: float = field(default=0.0, metadata=ADDED)
    on: bool = field(default=True, metadata=ADDED)


def test_a_field_that_was_added_is_described_only_where_it_means_something_new() -> None:
    before = {"x": "Grown", "x.class": "Grown", "x.value": 1}
    assert described("x", Grown()) == before
    assert described("x", Grown(later=0.5)) == {**before, "x.later": 0.5}
    assert described("x", Grown(on=False)) == {**before, "x.on": False}
    assert described("x", Grown(later=0)) == {**before, "x.later": 0}, "another type is another value"
