"""Columns that are transformed together: named in one key, one block of one kind, at the place of the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annex_actors.base.errors import ConfigError, DataError, UserError
from annex_actors.data import Dataset
from annex_actors.data.tables import Column, Kind, Table
from annex_actors.data.tables.read import read_table
from annex_actors.data.transforms import Preparation, parse_transforms
from annex_actors.data.transforms.choices import Choices, chosen_transforms
from annex_actors.data.transforms.preparation import with_defaults
from tests.data.transforms.tables import mixed, number, text

KEY = "income, size"
TOGETHER = {KEY: "impute standardise pca:2", "note": "drop"}


def numbers_of(rows: int = 40) -> Table:
    """Return a table of three columns that depend on each other, one of another kind of numbers, and a label."""
    random = np.random.default_rng(3)
    x = random.normal(size=(rows, 3)) @ random.normal(size=(3, 3))
    columns = [number(f"x{index}", column) for index, column in enumerate(x.T)]
    label = text("y", [("no", "yes")[int(value > 0)] for value in x[:, 0]])
    return Table((*columns, number("count", random.integers(0, 9, rows), Kind.INTEGER), label), "made here")


def test_their_components_are_those_of_scikit_learn() -> None:
    table = numbers_of()
    made = Preparation.fit(table, transforms={"x*": "standardise pca:2", "count": "drop"})
    values = np.stack([table[name].values for name in ("x0", "x1", "x2")], axis=1)
    expected = make_pipeline(StandardScaler(), PCA(2)).fit_transform(values)
    np.testing.assert_allclose(np.abs(made.inputs(table)), np.abs(expected), rtol=1e-5, atol=1e-6)


def test_their_outputs_are_where_the_first_of_them_is() -> None:
    made = Preparation.fit(mixed(), transforms=TOGETHER)
    assert made.feature_names[:3] == ("size … pca0", "size … pca1", "paid")
    assert made.description[1] == "size, income (number) → impute standardise pca:2 (2)"
    assert repr(made).startswith("Preparation(10 columns → ")
    assert [*made.forms] == [*mixed().names]


def test_the_order_in_a_key_changes_nothing() -> None:
    one, other = (Preparation.fit(mixed(), transforms={key: "impute pca:1"}) for key in (KEY, "size,income"))
    assert one.to_bytes() == other.to_bytes()


def test_files_hold_them_to_the_last_bit(tmp_path: Path) -> None:
    table = mixed()
    made = Preparation.fit(table, transforms=TOGETHER)
    made.save(tmp_path / "preparation")
    read = Preparation.load(tmp_path / "preparation")
    assert read.inputs(table).tobytes() == made.inputs(table).tobytes()
    assert (read.forms, read.description, read.sha256) == (made.forms, made.description, made.sha256)


def test_whole_numbers_and_truth_values_are_numbers_beside_others() -> None:
    made = Preparation.fit(mixed(), transforms={"index, size, paid": "impute standardise", "note": "drop"})
    assert made.feature_names[:4] == ("index", "size", "paid", "size is missing")
    assert made.inputs(mixed()).shape[0] == 60


def test_a_transform_of_one_column_refuses_several() -> None:
    with pytest.raises(
        DataError, match="expected one column for one_hot, got 2 columns of colour …; write it first, for one"
    ):
        Preparation.fit(mixed(), transforms={"colour, city": "one_hot"})


def test_a_data_set_takes_them() -> None:
    data = Dataset.from_table(numbers_of(), transforms={"x*": "standardise pca:2"})
    assert data.feature_names == ("x0 … pca0", "x0 … pca1", "count")


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("x?", {("x0", "x1", "x2")}),
        ("x[01], count", {("x0", "x1", "count")}),
        ("count,x1", {("x1", "count")}),
        ("*", {("x0", "x1", "x2", "count")}),
    ],
)
def test_a_key_names_columns(key: str, columns: set[tuple[str, ...]]) -> None:
    assert {*chosen_transforms(numbers_of(), ("y",), {key: "standardise"})} == columns


def test_a_wildcard_leaves_out_what_is_named_elsewhere() -> None:
    table = numbers_of()
    chosen = chosen_transforms(table, ("y",), {"x*": "standardise", "x1": "log"}, {"x2": "as asked for"})
    assert {*chosen} == {("x0",), ("x1",), ("x2",)}
    dropped = chosen_transforms(table, ("y",), {"x1, x2": "standardise"}, {"x1": "", "x2": ""})
    assert {*dropped} == {("x1",), ("x2",)}


def test_the_exact_name_of_a_column_wins() -> None:
    columns = (number("a", [1.0, 2.0]), number("b", [1.0, 3.0]), number("a,b", [2.0, 1.0]), text("y", ["p", "q"]))
    assert {*chosen_transforms(Table(columns, ""), ("y",), {"a,b": "log", "*": "standardise"})} == {
        ("a,b",),
        ("a", "b"),
    }


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ({"size, colour": "impute"}, "expected columns of one kind in size, colour, got a number in size and a text"),
        ({"size, colour, income": "impute"}, "a number in size and a text in colour; leave the latter out"),
        ({"colour, city, when": "impute"}, "got a text in colour and a date in when; leave"),
        ({"size, incme": "impute"}, "got 'incme'; did you mean 'income'"),
        ({"size,": "impute"}, "expected columns among .*, got ''"),
        ({"z*": "impute"}, r"expected columns among .*, got 'z\*'"),
        ({"size, risk": "impute"}, "expected columns among .*, got 'risk'"),
        ({"size, income": "log", "size": "log"}, "got size twice, by 'size, income' and 'size'; name it once"),
        ({"size, size": "log"}, "got size twice, by 'size, size'; name it once"),
        ({"income, paid": "pca:3"}, "expected `components` to be an integer .*, got 3"),
        ({"size, same": 5}, "expected `transforms.size, same` to be transforms such as"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(transforms: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        Preparation.fit(mixed(), transforms={"note": "drop", **transforms})
    assert "\n" not in str(caught.value)


def test_an_error_names_the_cells_own_column_and_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["a,b,y", "1,2,p", "2,,q", "3,1,p", "4,7,q"]))
    with pytest.raises(DataError, match="expected a number for pca in line 3, column b, got a missing cell"):
        Preparation.fit(read_table(path), transforms={"a,b": "pca:1"})
    made = Preparation.fit(read_table(path), transforms={"a,b": "impute pca:1"})
    path.write_text("\n".join(["a,b", "1,2", "2,big"]))
    with pytest.raises(DataError, match="as in training, in line 3, column b, got 'big'"):
        made.inputs(read_table(path))
    path.write_text("\n".join(["a,b", "1,2", "2,1e100"]))
    with pytest.raises(DataError, match="in line 3, column a, b, got one that is not finite as float32"):
        made.inputs(read_table(path))


def test_columns_without_a_cell_are_named() -> None:
    columns = (number("a", [1.0, 2.0]), number("b", [np.nan, np.nan]), text("y", ["p", "q"]))
    with pytest.raises(DataError, match="expected a cell in column b, got missing ones only"):
        Preparation.fit(Table(columns, ""), transforms={"a,b": "impute"})


def test_a_missing_column_is_named() -> None:
    made = Preparation.fit(mixed(), transforms=TOGETHER)
    lacking = mixed().select([name for name in mixed().names if name != "income"])
    with pytest.raises(DataError, match="got no income"):
        made.inputs(lacking)


def test_keys_are_texts() -> None:
    with pytest.raises(ConfigError, match="expected `transforms` to be text"):
        Preparation.fit(mixed(), transforms={3: "log"})  # type: ignore[dict-item]


def test_a_column_is_read_once_for_the_choice_and_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    table, read, find = mixed(), list[str](), Table.__getitem__

    def counted(self: Table, name: str) -> Column:
        read.append(name)
        return find(self, name)

    monkeypatch.setattr(Table, "__getitem__", counted)
    chosen: Choices = {("size", "income"): (parse_transforms("log"), "")}
    found = [[each.name for each in columns] for columns, _, _ in with_defaults(table, ("risk",), chosen)]
    assert found[:3] == [["index"], ["size", "income"], ["paid"]]
    assert sorted(read) == sorted(table.names[:-1])
