"""Dataclasses that are made at every step: constructors that store directly."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from annex_actors.base.types import made_often, stored_directly


@dataclass(frozen=True, slots=True)
class Usual:
    first: int
    time: float = 0.5


@stored_directly
@dataclass(frozen=True, slots=True)
class Heir(Usual):
    last: str = "z"


@stored_directly
@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    first: int
    last: str = "z"


@made_often
@dataclass(frozen=True, slots=True)
class Pair:
    first: int
    last: str = "z"


def test_what_is_stored_directly_has_the_fields_and_the_defaults_of_a_dataclass() -> None:
    assert (Heir(1).first, Heir(1).time, Heir(1).last) == (1, 0.5, "z")
    assert Heir(1, last="b", time=2.0) == Heir(1, 2.0, "b")
    assert repr(Heir(1, 2.0)) == "Heir(first=1, time=2.0, last='z')"
    assert {Heir(1), Heir(1)} == {Heir(1)}
    assert replace(Heir(1), first=2) == Heir(2)


def test_what_is_stored_directly_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Heir(1).first = 2  # type: ignore[misc]


@pytest.mark.parametrize("arguments", [(), (1, 2.0, "b", 4)])
def test_what_is_stored_directly_takes_no_other_arguments(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match=r"Heir.__init__\(\)"):
        Heir(*arguments)  # type: ignore[arg-type]


def test_arguments_that_must_be_named_stay_so() -> None:
    assert Named(first=1).last == "z"
    with pytest.raises(TypeError, match="positional"):
        Named(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="first"):
        Named()  # type: ignore[call-arg]


def test_what_is_made_often_is_pickled_by_its_fields() -> None:
    assert pickle.loads(pickle.dumps(Pair(1))) == Pair(1)
    assert Pair(1).__reduce__() == (Pair, (1, "z"))
