from __future__ import annotations

from typing import Any

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
