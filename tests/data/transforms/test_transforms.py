"""What each transform does with cells that training did not have, and how its text is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data.tables import Column, Kind
from annex_actors.data.transforms import TRANSFORMS, fit, parse_transforms, register_transform, text_of
from annex_actors.data.transforms.scaling import Log
from tests.data.transforms.tables import date, number, text


def fitted(column: Column, spec: str, targets: Any = None) -> Any:
    targets = np.arange(len(column), dtype=float)[:, None] if targets is None else targets
    return fit([column], parse_transforms(spec), targets)[0]


def test_unknown_and_missing_categories_have_a_column_only_where_training_has_such_rows() -> None:
    few = fitted(text("x", ["a", "b"]), "one_hot")
    assert few.names == ("x = a", "x = b")
    assert few.apply(text("x", ["b", "new", None])).tolist() == [[0, 1], [0, 0], [0, 0]]
    many = fitted(text("x", ["a", "a", "b", "b", "c", None]), "one_hot:max_categories=2")
    assert many.names == ("x = a", "x = b", "x is other", "x is missing")
    assert many.apply(text("x", ["c", "new", None])).tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_ten_thousand_categories_have_twenty_columns_and_one() -> None:
    cells = [f"c{index}" for index in range(10_000)]
    assert len(fitted(text("x", cells), "one_hot").names) == 21


def test_unknown_and_missing_categories_are_missing_for_ordinal() -> None:
    chain = fitted(text("x", ["b", "a", "a"]), "ordinal impute:most_frequent")
    assert chain.apply(text("x", ["b", "new", None])).tolist() == [[1], [0], [0]]


def test_numbers_are_categories_by_size_and_without_decimals() -> None:
    chain = fitted(number("x", [10, 2, 2], Kind.INTEGER), "one_hot")
    assert chain.names == ("x = 2", "x = 10")


def test_unknown_categories_have_the_target_mean_of_all() -> None:
    chain = fitted(text("x", ["a", "a", "b", "b"]), "target_mean", np.array([[0.0], [0.0], [1.0], [1.0]]))
    assert chain.apply(text("x", ["a", "b", "new", None])).ravel().tolist() == [0, 1, 0.5, 0.5]


def test_a_training_row_does_not_know_its_own_target() -> None:
    column, targets = text("x", [f"c{index % 7}" for index in range(40)]), np.arange(40.0)[:, None]
    (_, before), changed = fit([column], parse_transforms("target_mean"), targets), targets.copy()
    changed[5] += 1000
    _, after = fit([column], parse_transforms("target_mean"), changed)
    assert before[5] == after[5]
    assert (before != after).any()


def test_the_parts_of_a_date_that_differ() -> None:
    chain = fitted(date("x", ["2024-01-01", "2024-02-29T13:00"]), "date_parts")
    assert chain.names == ("x days", "x month", "x day", "x weekday", "x hour")
    assert chain.apply(date("x", ["1970-01-01", "2024-02-29T13:00"])).tolist() == [
        [0, 1, 1, 3, 0],
        [19782, 2, 29, 3, 13],
    ]


def test_missing_dates_are_filled_in() -> None:
    chain = fitted(date("x", ["2024-01-01", "2024-01-03", "NaT"]), "date_parts impute")
    assert chain.apply(date("x", ["NaT"])).tolist()[0][:2] == [19724, 2]


def test_words_are_numbered_by_how_often_they_occur() -> None:
    chain = fitted(text("x", ["the cat", "The dog", "the cat"]), "tokens:length=3:vocabulary=2")
    assert chain.apply(text("x", ["a dog, the CAT", None])).tolist() == [[1, 1, 2], [0, 0, 0]]


def test_logarithms_keep_the_sign() -> None:
    chain = fitted(number("x", [1.0]), "log")
    np.testing.assert_allclose(chain.apply(number("x", [-3.0, 0.0, 3.0])).ravel(), [-np.log(4), 0, np.log(4)], 1e-6)


def test_text_is_filled_in_by_the_most_frequent() -> None:
    chain = fitted(text("x", ["b", "b", "a", None]), "impute:most_frequent one_hot")
    assert chain.names == ("x = a", "x = b")
    assert chain.apply(text("x", [None])).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("column", "spec", "message"),
    [
        (text("x", ["a", "b"]), "standardise", "expected numbers for standardise in column x, got a text"),
        (text("x", ["a", None]), "impute", "expected numbers for impute:median"),
        (number("x", [1.0, np.nan]), "standardise", "expected a number in row 1, got a missing cell; write impute"),
        (number("x", [np.nan, np.nan]), "impute", "got missing ones only"),
        (number("x", [1.0, np.inf]), "robust", "expected a finite number in row 1, got inf"),
        (number("x", [1.0, 1e100]), "passthrough", "in row 1, got one that is not finite as float32"),
        (number("x", [1.0, np.nan]), "pca:1", "write impute before it"),
        (date("x", ["2024-01-01"]), "standardise", "write date_parts"),
        (number("x", [1.0]), "date_parts", "expected dates for date_parts"),
    ],
)
def test_cells_that_a_transform_cannot_take(column: Column, spec: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fitted(column, spec)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_text_is_read_back(name: str) -> None:
    (transform,) = parse_transforms("pca:3" if name == "pca" else name)
    assert transform.name == name
    assert parse_transforms(transform.spec()) == (transform,)


def test_a_chain_is_read_back_with_its_settings() -> None:
    text = "impute:strategy=mean:indicator=false quantile:output=uniform pca:2"
    assert text_of(parse_transforms(text)) == text
    assert parse_transforms("impute:mean") == parse_transforms("impute:strategy=mean")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("standardize", "did you mean 'standardise'"),
        ("one_hot:max_categories=0", "one_hot:max_categories=0"),
        ("one_hot:columns=3", "expected `transforms` as one_hot"),
        ("quantile:output=cauchy", "normal, uniform"),
        ("impute:zero", "median, mean, most_frequent"),
        (" ", "empty text"),
    ],
)
def test_wrong_texts_are_refused(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_transforms(spec)


def test_a_transform_of_ones_own_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TRANSFORMS, "_entries", dict(TRANSFORMS))

    @dataclass(frozen=True)
    class Mine(Log):
        NAME = "mine"

    assert register_transform("mine", Mine) is Mine
    assert parse_transforms("mine") == (Mine(),)
    with pytest.raises(ConfigError, match="expected `transform` to be a dataclass"):
        register_transform("other", Mine())  # type: ignore[type-var]
