from __future__ import annotations

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.tables import Table


@pytest.fixture
def table() -> Table[int]:
    return Table("number", {"one": 1, "two": 2})


def test_a_table_is_a_mapping_in_the_order_of_its_entries(table: Table[int]) -> None:
    table.register("three", 3)
    assert dict(table) == {"one": 1, "two": 2, "three": 3}
    assert list(table) == ["one", "two", "three"]


def test_an_entry_is_found_by_its_name(table: Table[int]) -> None:
    assert table.find("two") == 2


def test_an_unknown_name_is_refused_with_all_names_and_a_similar_one(table: Table[int]) -> None:
    with pytest.raises(ConfigError, match="expected `number` to be one of one, two, got 'tow'; did you mean 'two'"):
        table.find("tow")


def test_the_last_of_two_entries_with_the_same_name_counts(table: Table[int]) -> None:
    table.register("three", 3)
    table.register("three", 33)
    assert table["three"] == 33


@pytest.mark.parametrize("name", ["one", "", "a b", "a:b", "a=b", "f(", None, 3])
def test_a_name_that_is_taken_or_not_a_single_word_is_refused(table: Table[int], name: str) -> None:
    with pytest.raises(ConfigError, match="expected a new name for the number"):
        table.register(name, 3)
    assert len(table) == 2
