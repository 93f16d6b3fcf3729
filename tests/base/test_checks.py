from __future__ import annotations

from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import pytest

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_becomes_an_int(value: Any) -> None:
    number = checks.whole_number("size", value, at_least=1)
    assert (number, type(number)) == (3, int)


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.float64(0.5), np.int64(1)])
def test_a_real_number_becomes_a_python_float(value: Any) -> None:
    number = checks.real_number("rate", value)
    assert (number, type(number)) == (value, float)


def test_bounds_are_named_in_the_error() -> None:
    with pytest.raises(ConfigError, match=r"^expected `size` to be an integer >= 1, got 0$"):
        checks.whole_number("size", 0, at_least=1)
    with pytest.raises(ConfigError, match=r"^expected `size` to be an integer >= 1 and < 5, got 5$"):
        checks.whole_number("size", 5, at_least=1, below=5)
    with pytest.raises(ConfigError, match=r"^expected `rate` to be a number > 0 and < 1, got 1$"):
        checks.real_number("rate", 1, above=0, below=1)
    with pytest.raises(ConfigError, match=r"^expected `rate` to be a number that is finite, got nan$"):
        checks.real_number("rate", float("nan"))


@pytest.mark.parametrize("value", [True, np.True_, "1", None, [1], np.array([1, 2]), 1j])
def test_a_value_that_is_not_a_number_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError):
        checks.whole_number("size", value, at_least=0)
    with pytest.raises(ConfigError):
        checks.real_number("rate", value)


def test_a_boolean_is_not_a_number() -> None:
    assert checks.boolean("fast", True)
    assert not checks.boolean("fast", False)
    with pytest.raises(ConfigError, match="expected `fast` to be true or false, got 1"):
        checks.boolean("fast", 1)


def test_a_function_is_given_in_python_only() -> None:
    checks.function("choose", max)
    with pytest.raises(
        ConfigError, match="expected `choose` to be a function, got 'max'; leave it out, or give it in Py"
    ):
        checks.function("choose", "max")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"^expected `colour` to be one of red, green, got 'blue'$"):
        checks.unknown("colour", "blue", ["red", "green"])


class Colour(Enum):
    RED = "red"
    DARK_BLUE = 3


@pytest.mark.parametrize("given", [Colour.DARK_BLUE, "dark_blue"])
def test_a_member_of_an_enumeration_is_given_by_itself_or_by_its_text(given: Any) -> None:
    assert checks.member("colour", given, Colour) is Colour.DARK_BLUE


@pytest.mark.parametrize("given", ["rde", 3, None, Colour, ["red"], "RED"])
def test_what_is_no_member_is_refused_by_name(given: Any) -> None:
    with pytest.raises(ConfigError, match="expected `colour` to be one of red, dark_blue, got "):
        checks.member("colour", given, Colour)


class Painter(Protocol):
    """A collaborator, as users write it."""

    @property
    def name(self) -> str:
        """Its name."""

    def paint(self, colour: str) -> str:
        """Paint."""


class Brush:
    name = "brush"

    def paint(self, colour: str) -> str:
        return colour


WRONG_PAINTERS: list[tuple[Any, str]] = [
    (Brush, r"the class Brush; write Brush\(...\)"),
    (None, "None"),
    ("brush", "'brush'"),
    (SimpleNamespace(name="brush"), r"namespace\(name='brush'\), which has no `paint`"),
    (SimpleNamespace(name="brush", paint=3), r"namespace\(name='brush', paint=3\), which has no `paint`"),
]


@pytest.mark.parametrize(("given", "got"), WRONG_PAINTERS)
def test_a_collaborator_without_the_members_of_its_protocol_is_refused_with_what_is_missing(
    given: Any, got: str
) -> None:
    brush = Brush()
    assert checks.instance("painter", brush, Painter, "a painter such as Brush()") is brush
    with pytest.raises(ConfigError, match=rf"^expected `painter` to be a painter such as Brush\(\), got {got}$"):
        checks.instance("painter", given, Painter, "a painter such as Brush()")


def test_an_error_of_a_collaborators_own_code_stays_its_own() -> None:
    class Broken(Brush):
        @property
        def name(self) -> str:  # type: ignore[override]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        checks.instance("painter", Broken(), Painter, "a painter")


def test_elements_may_come_from_any_ordered_iterable_and_are_kept() -> None:
    brush = Brush()
    for given in ([brush], (brush,), (each for each in [brush])):
        assert checks.elements("painters", given, Painter, "a painter") == (brush,)


@pytest.mark.parametrize("given", [Brush(), "brush", {1}, {"a": 1}, None, 3, [None], [Brush()] * 2 + [3], Brush])
def test_one_element_or_a_container_without_order_is_no_list(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"^expected `painters(\[\d\])?` to be a"):
        checks.elements("painters", given, Painter, "a painter")


def test_a_single_text_is_told_to_be_put_into_a_list() -> None:
    with pytest.raises(ConfigError, match=r"got 'a.py'; write \['a.py'\]"):
        checks.several("load", "a.py", "a list of paths")
    with pytest.raises(ConfigError, match="; put it into a list"):
        checks.several("load", 3, "a list of paths")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["a/b", Path("a/b")])
def test_a_path_is_text_or_a_path(given: Any) -> None:
    assert checks.path("folder", given) == Path("a/b")


@pytest.mark.parametrize("given", ["", "a\0b", b"a", None, 3, "x" * 5000])
def test_what_no_system_takes_for_a_path_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match="expected `folder` to be a path, got "):
        checks.path("folder", given)


def test_a_function_takes_as_many_arguments_as_it_will_be_called_with() -> None:
    checks.function("halt", lambda history: True, 1)
    checks.function("halt", max, 1)
    with pytest.raises(ConfigError, match="expected `halt` to be a function, called with 1 argument, got a lambda: "):
        checks.function("halt", lambda: True, 1)
    with pytest.raises(ConfigError, match=r"got the class Brush; write Brush\(...\)"):
        checks.function("halt", Brush, 1)


@pytest.mark.parametrize("given", [10**400, Fraction(10**400), float("inf"), np.float64("nan")])
def test_a_number_that_no_float_holds_is_refused_as_any_other(given: Any) -> None:
    with pytest.raises(ConfigError, match="expected `rate` to be a number that is finite, got "):
        checks.real_number("rate", given)


def test_a_number_beyond_what_the_machine_can_do_is_refused_with_the_limit() -> None:
    with pytest.raises(ConfigError, match=r">= 0 and < 18446744073709551616, got an integer of about 5,001 digits$"):
        checks.whole_number("steps", 10**5000, at_least=0)


@pytest.mark.parametrize("given", ["float32", np.float32, np.dtype("float32")])
def test_a_dtype_is_a_name_a_type_or_a_dtype(given: Any) -> None:
    assert checks.floating("dtype", given) == np.dtype("float32")
    for wrong in (None, "float16", np.float16, int, np.ones(2), 3):
        with pytest.raises(ConfigError, match="expected `dtype` to be one of float32, float64, got "):
            checks.floating("dtype", wrong)
