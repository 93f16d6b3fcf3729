from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.runs.toml_settings import merged, nested, parse_setting, read_settings, to_toml
from tests.strange_files import STRANGE, put

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SINGLE = st.one_of(TEXT, st.booleans(), st.integers(), st.floats(allow_nan=False))
VALUES = st.one_of(SINGLE, st.lists(SINGLE, max_size=3))


@given(st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES))))
def test_settings_written_as_toml_are_read_back_as_they_were(settings: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(settings)) == settings


def test_a_setting_of_none_is_left_out() -> None:
    assert to_toml({"cost": None, "data": {"name": "xor", "label": None}}) == '[data]\nname = "xor"\n'


def test_single_values_come_before_tables_since_they_would_belong_to_the_table_before_them() -> None:
    assert to_toml({"data": {"name": "xor"}, "cost": "mse"}) == 'cost = "mse"\n\n[data]\nname = "xor"\n'


def test_the_later_settings_win_key_by_key() -> None:
    first = {"training": {"epochs": 1, "seed": 2}, "cost": "mse"}
    assert merged(first, {"training": {"seed": 3}}) == {"training": {"epochs": 1, "seed": 3}, "cost": "mse"}


def test_merging_changes_none_of_its_arguments() -> None:
    first: dict[str, Any] = {"training": {"seed": 2}}
    merged(first, {"training": {"seed": 3}})
    assert first == {"training": {"seed": 2}}


def test_a_value_is_nested_under_its_keys() -> None:
    assert nested(["training", "seed"], 7) == {"training": {"seed": 7}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("0.01", 0.01),
        ("1e-3", 0.001),
        ("true", True),
        ('"7"', "7"),
        ("1f1b", "1f1b"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_the_value_of_a_setting_is_toml_or_else_text(text: str, value: object) -> None:
    assert parse_setting(f"optimizer.momentum={text}") == {"optimizer": {"momentum": value}}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('data.transforms."size, x.1"=log', ["data", "transforms", "size, x.1"]),
        ("data.transforms.'a=\"b\"'=log", ["data", "transforms", 'a="b"']),
        ('data . "transforms" . "a\\tb\\"" = log', ["data", "transforms", 'a\tb"']),
        ("data.transforms.x*=log", ["data", "transforms", "x*"]),
        ('"true".3=log', ["true", "3"]),
    ],
)
def test_a_key_in_quotes_may_hold_anything(text: str, keys: list[str]) -> None:
    assert parse_setting(text) == nested(keys, "log")


@pytest.mark.parametrize(
    "text", ["seed", "=3", "training.=3", ".seed=3", "", 'data."a=3', '"a"b=3', "a..b=3", 'a" "=3', " .b=3"]
)
def test_a_setting_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^expected a setting such as optimizer.learning_rate=0.01, got "):
        parse_setting(text)


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("a = = 3")
    with pytest.raises(ConfigError, match=r"^expected TOML in .*run\.toml, got: .*line 1.*; correct the file$"):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^expected a config file at .*run\.toml, got none"):
        read_settings(tmp_path / "run.toml")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"^expected TOML in "):
        read_settings(path)


@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_file_is_refused_by_name(tmp_path: Path, what: str) -> None:
    words = put(tmp_path / "run.toml", what)
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path / "run.toml")
    assert f"expected a config file at {tmp_path / 'run.toml'}, {words}" in str(caught.value)


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 100_000, "{a=" * 10_000])
def test_a_value_that_breaks_the_reader_is_no_toml(tmp_path: Path, value: str) -> None:
    (tmp_path / "run.toml").write_text(f"seed = {value}")
    with pytest.raises(ConfigError, match=r"^expected TOML in "):
        read_settings(tmp_path / "run.toml")
    assert parse_setting(f"training.seed={value}") == {"training": {"seed": value}}
