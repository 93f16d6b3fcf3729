"""A preparation: fitted on training rows only, exact from and to files, columns by name; and a data set of a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import Dataset
from annex_actors.data.tables import Kind, Table
from annex_actors.data.transforms import Preparation
from annex_actors.layers import parse_layers
from annex_actors.training.learner import Learner
from tests.data.transforms.tables import mixed, number, text

SPECS = {"size": "impute:mean quantile", "city": "hashing:8", "note": "bag_of_words:32 pca:4", "income": "log robust"}


def test_each_kind_of_column_has_its_transforms() -> None:
    assert list(Preparation.fit(mixed()).description) == [
        "index (integer) → drop (0): a counter of the rows",
        "size (number) → impute standardise (2)",
        "income (number) → impute log standardise: a long tail",
        "paid (boolean) → impute standardise",
        "colour (text) → one_hot (4)",
        "city (text) → target_mean standardise (1): 33 categories",
        "note (text) → bag_of_words (256): sentences",
        "key (text) → drop (0): an identifier: each row has its own",
        "when (date) → date_parts impute standardise (5): the parts that differ",
        "same (number) → drop (0): the same cell in every row",
        "risk (text) → 2 classes: high, low",
    ]


@pytest.mark.parametrize("transforms", [{}, SPECS], ids=["default", "given"])
def test_files_hold_it_to_the_last_bit(transforms: dict[str, str], tmp_path: Path) -> None:
    table = mixed()
    made = Preparation.fit(table, transforms=transforms, rows=np.arange(40))
    made.save(tmp_path / "preparation")
    read = Preparation.load(tmp_path / "preparation")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["preparation.json", "preparation.safetensors"]
    assert read.inputs(table).tobytes() == made.inputs(table).tobytes()
    assert read.targets(table).tobytes() == made.targets(table).tobytes()
    assert (read.feature_names, read.description, read.to_bytes()) == (
        made.feature_names,
        made.description,
        made.to_bytes(),
    )


@pytest.mark.parametrize("transforms", [{}, SPECS], ids=["default", "given"])
def test_it_is_fitted_on_training_rows_only(transforms: dict[str, str]) -> None:
    one, other, train = mixed(60, seed=0), mixed(60, seed=1), np.arange(40)
    columns = []
    for first, second in zip(one, other, strict=True):
        values = np.concatenate([first.values[:40], second.values[40:]])
        columns.append(type(first)(first.name, first.kind, values))
    changed = Table(tuple(columns), "changed behind row 40")
    before, after = (Preparation.fit(each, transforms=transforms, rows=train) for each in (one, changed))
    assert before.to_bytes() == after.to_bytes()
    assert (one["income"].values[40:] != changed["income"].values[40:]).all()


def test_columns_are_found_by_name() -> None:
    table = mixed()
    made = Preparation.fit(table)
    turned = table.select([*reversed(table.names)])
    assert made.inputs(turned).tobytes() == made.inputs(table).tobytes()
    needed = table.select([name for name in table.names if name not in ("risk", "key", "same", "index")])
    assert made.inputs(needed).tobytes() == made.inputs(table).tobytes()


def test_missing_and_extra_columns_are_refused_by_name() -> None:
    table = mixed()
    made = Preparation.fit(table)
    lacking = table.select([name for name in table.names if name != "city"])
    with pytest.raises(DataError, match="got no city and also town; add, rename or remove columns"):
        made.inputs(Table((*lacking.columns, number("town", [1.0] * 60)), "renamed"))


def test_a_file_of_a_few_rows_may_look_like_another_kind() -> None:
    made = Preparation.fit(
        Table((text("zip", ["1", "2", "x"]), number("size", [1, 2, 4]), text("y", ["a", "b", "a"])), "")
    )
    row = Table((number("zip", [2.0], Kind.INTEGER), text("size", [None])), "one row")
    assert made.inputs(row).tolist()[0][:3] == [0, 1, 0]
    with pytest.raises(DataError, match="expected a number, as in training, in row 0, column size, got 'big'"):
        made.inputs(Table((text("zip", ["1"]), text("size", ["big"])), "wrong"))


def test_text_is_read_as_a_file_would_be_where_training_had_dates_or_truth_values() -> None:
    table = mixed()
    made = Preparation.fit(table)
    written = {
        "when": text("when", [str(cell).replace("T", " ") for cell in table["when"].values]),
        "paid": text("paid", [("No", "yes")[int(cell)] for cell in table["paid"].values]),
    }
    typed = Table(tuple(written.get(column.name, column) for column in table), "a data frame")
    assert made.inputs(typed).tobytes() == made.inputs(table).tobytes()
    wrong = Table(tuple(text("paid", ["no"] * 59 + ["2 of 3"]) if c.name == "paid" else c for c in table), "wrong")
    with pytest.raises(DataError, match="expected a truth value, as in training, in row 0, column paid, got 'no'"):
        made.inputs(wrong)


def test_a_text_that_is_another_in_nearly_each_row_is_no_category() -> None:
    """A mean of one row tells a training row its own label, and says nothing of other rows."""
    cells = [f"k{max(index, 5)}" for index in range(100)]
    made = Preparation.fit(
        Table((text("key", cells), number("x", range(100)), text("y", ["a", "b"] * 50)), ""),
        transforms={"x": "standardise"},
    )
    assert made.description[0] == "key (text) → drop (0): almost an identifier: nearly each row has its own"


@pytest.mark.parametrize("transforms", ["standardise", "robust", "minmax", "quantile", "log", "pca:1"])
def test_a_number_whose_square_is_none_is_named(transforms: str) -> None:
    table = Table((number("x", [1, 2, -1e200, 4]), text("y", ["a", "b", "a", "b"])), "")
    with pytest.raises(DataError, match=r"expected a number of at most 1e\+150 in row 2, column x, got -1e\+200"):
        Preparation.fit(table, transforms={"x": transforms})


def test_amounts_are_standardised_and_undone() -> None:
    prices = np.random.default_rng(0).normal(2e5, 5e4, 50)
    table = Table((number("x", range(50)), number("price", prices)), "")
    made = Preparation.fit(table, rows=np.arange(30))
    targets = made.targets(table)
    assert targets.dtype == np.float32
    assert abs(targets[:30].mean()) < 1e-6
    np.testing.assert_allclose(made.amounts(targets), prices, rtol=1e-6)


def test_the_task_can_be_said() -> None:
    table = Table((number("x", [0.5, 0.25, 1.5]), number("stars", [1, 2, 3], Kind.INTEGER)), "")
    assert Preparation.fit(table).classes == ("1", "2", "3")
    assert Preparation.fit(table, task="regression").classes is None
    assert Preparation.fit(table, label="x", task="classification").classes == ("0.25", "0.5", "1.5")
    counts = Table((number("x", range(50)), number("price", range(1000, 1050), Kind.INTEGER)), "")
    assert Preparation.fit(counts).classes is None
    with pytest.raises(ConfigError, match="classification, regression"):
        Preparation.fit(table, task="ranking")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "rsik"}, "did you mean 'risk'"),
        ({"transforms": {"colours": "one_hot"}}, "did you mean 'colour'"),
        ({"transforms": {"risk": "one_hot"}}, "expected columns among"),
        ({"rows": [0, 60]}, "expected rows from 0 to 59"),
        ({"label": "size"}, "expected a label in row 2, column size, got a missing cell; fill it in"),
        ({"transforms": dict.fromkeys(mixed().names[:-1], "drop")}, "expected a column to learn from"),
    ],
)
def test_what_cannot_be_prepared_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Preparation.fit(mixed(), **options)  # type: ignore[arg-type]


def test_damaged_and_mixed_files_are_refused() -> None:
    one, other = Preparation.fit(mixed()), Preparation.fit(mixed(), transforms=SPECS)
    (words, content), (_, others) = one.to_bytes(), other.to_bytes()
    for bad in ("", "[]", "{}", words[:-9], words.replace('"kinds"', '"kin"')):
        with pytest.raises(DataError, match="expected a preparation as `save` writes it"):
            Preparation.from_bytes(bad, content)
    with pytest.raises(DataError, match="expected the arrays that the text was written with"):
        Preparation.from_bytes(words, others)


def test_a_label_that_training_had_not_is_refused() -> None:
    made = Preparation.fit(mixed())
    with pytest.raises(DataError, match="expected one of high, low in row 0, column risk, got 'medium'"):
        made.targets(Table((text("risk", ["medium"]),), ""))


def test_a_network_learns_an_unscaled_table_as_well_as_a_standard_pipeline() -> None:
    wine = load_wine()
    cells = [number(name, column) for name, column in zip(wine.feature_names, wine.data.T, strict=True)]
    table = Table((*cells, text("cultivar", [str(wine.target_names[each]) for each in wine.target])), "wine")
    data = Dataset.from_table(table, label="cultivar", test_fraction=0.3, seed=1)
    learner = Learner(parse_layers("dense:64 relu dense:3"), runtime="inline", seed=1)
    ours = learner.train(data, epochs=60, batch_size=16).test_accuracy

    known = {row.tobytes() for row in data.train.inputs}
    assert data.preparation is not None
    train = np.array([row.tobytes() in known for row in data.preparation.inputs(table)])
    assert train.sum() == len(data.train)
    scaler = StandardScaler().fit(wine.data[train])
    theirs = MLPClassifier((64,), max_iter=1000, random_state=1).fit(
        scaler.transform(wine.data[train]), wine.target[train]
    )
    expected = theirs.score(scaler.transform(wine.data[~train]), wine.target[~train])
    assert ours is not None
    assert ours >= expected - 0.02

    raw = table.rows(np.flatnonzero(~train)).select([*reversed(table.names)])
    predicted = learner.predict(data.preparation.inputs(raw))
    assert predicted.tobytes() == learner.predict(data.test.inputs).tobytes()


def test_training_inputs_are_out_of_fold_and_test_inputs_are_not() -> None:
    data = Dataset.from_table(mixed(), transforms=dict.fromkeys(("note", "key"), "drop"))
    assert data.preparation is not None
    assert data.feature_names == data.preparation.feature_names
    assert len(data.train) + len(data.test) == 60
    index = data.preparation.feature_names.index("city target mean")
    inputs = {row[1:3].tobytes(): row[index] for row in data.preparation.inputs(mixed())}
    assert all(inputs[row[1:3].tobytes()] == row[index] for row in data.test.inputs)
    assert any(inputs[row[1:3].tobytes()] != row[index] for row in data.train.inputs)


def test_a_column_without_a_cell_is_dropped_and_a_mark_alone_is_kept() -> None:
    columns = (text("none", [None] * 4), text("mark", ["yes", None, None, "yes"]), text("y", ["a", "b", "b", "a"]))
    made = Preparation.fit(Table(columns, ""))
    assert made.description[0] == "none (text) → drop (0): no cell"
    assert made.feature_names == ("mark = yes", "mark is missing")
    assert made.inputs(Table(columns[1:2], "")).tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]


def test_a_class_of_one_row_and_a_column_of_ten_thousand_categories_are_taken() -> None:
    random = np.random.default_rng(0)
    cells = [f"shop{index}" for index in random.integers(0, 10_000, 3000)]
    labels = ["one", *(("two", "three")[index % 2] for index in range(2999))]
    data = Dataset.from_table(Table((text("shop", cells), text("y", labels)), ""))
    assert data.classes == ("one", "three", "two")
    assert data.input_shape == (3,)
