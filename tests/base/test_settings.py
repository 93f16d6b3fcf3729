from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.settings import build, settings_of


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Rule:
    number: int

    def spec(self) -> str:
        return f"rule:{self.number}"


@dataclass(frozen=True, kw_only=True)
class Mine:
    rate: float
    colour: Colour = Colour.RED
    rule: Rule = Rule(3)
    names: tuple[str, ...] = ("a", "b")
    limit: float | None = None
    hook: object = print

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError("a rate below 0")
        if self.rate > 9:
            raise DataError("too fast")


@dataclass(frozen=True)
class Bare:
    pass


def test_settings_make_the_value_that_owns_them() -> None:
    assert build("mine", Mine, {"rate": 0.5}) == Mine(rate=0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"rate": 1, "rte": 1},
            "expected settings of mine to be among rate, colour, rule, names, limit, hook, got 'rte'; did you mean",
        ),
        ({}, "expected settings of mine with `rate`, got none; it has no default"),
        ({"rate": -1}, "expected settings that mine takes, got ValueError: a rate below 0; correct them"),
        ({"rate": "x"}, "expected settings that mine takes, got TypeError: '<' not supported"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build("mine", Mine, settings)
    assert str(caught.value).startswith(message)


def test_an_error_of_this_package_is_raised_unchanged() -> None:
    with pytest.raises(DataError, match=r"^too fast$"):
        build("mine", Mine, {"rate": 10})


def test_a_class_without_settings_says_so() -> None:
    with pytest.raises(ConfigError, match="expected no settings of bare, got 'rate'"):
        build("bare", Bare, {"rate": 1})


def test_settings_are_recorded_as_a_config_file_holds_them() -> None:
    assert settings_of(Mine(rate=0.5)) == {"rate": 0.5, "colour": "red", "rule": "rule:3", "names": ["a", "b"]}
    assert settings_of(Bare()) == settings_of("no dataclass") == {}
