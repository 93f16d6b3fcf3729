"""A model with a preparation takes raw columns, and predicts what preparation and learner do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data.tables import Kind, Table
from annex_actors.data.transforms import TRANSFORMS, Preparation
from annex_actors.export import onnx_inputs, onnx_model
from annex_actors.export.dates import MISSING
from annex_actors.export.transforms import TRANSFORMS as TRANSLATED
from annex_actors.layers import parse_layers
from tests.data.transforms.tables import date, mixed, number, text
from tests.export.networks import learner_of

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

WITHOUT = {"hashing": "hashing:8", "bag_of_words": "bag_of_words:16", "tokens": "tokens:3"}
"""Transforms that ONNX has no operators for, each with settings."""


def run(model: Any, feed: dict[str, Any]) -> dict[str, Any]:
    """Return what a model gives, by name."""
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, feed), strict=True))


def made_of(table: Table, transforms: dict[str, str], **settings: Any) -> tuple[Any, Preparation]:
    """Return an untrained network for a table, and the table's preparation."""
    preparation = Preparation.fit(table, transforms=transforms, **settings)
    outputs, cost = len(preparation.target.labels), "mean_squared_error"
    if preparation.classes is not None:
        outputs, cost = len(preparation.classes), "softmax_cross_entropy"
    network = parse_layers(f"dense:5 relu dense:{outputs}")
    learner = learner_of(network, (len(preparation.feature_names),), cost=cost)
    learner.classes, learner.preparation = preparation.classes, preparation
    return learner, preparation


def assert_prepares(table: Table, other: Table, transforms: dict[str, str]) -> None:
    """Check that the predictions for raw rows of two tables, of which the first is fitted, are those of both parts."""
    learner, preparation = made_of(table, transforms)
    model = onnx_model(learner)
    for rows in (table, other):
        found = run(model, onnx_inputs(preparation, rows))
        expected = learner.predict(preparation.inputs(rows))
        np.testing.assert_allclose(found["predictions"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "transforms",
    [
        {},
        {"size": "impute:mean quantile", "income": "log robust", "when": "date_parts impute minmax"},
        {"size": "impute:most_frequent:indicator=false minmax:clip=true"},
        {"size": "impute quantile:quantiles=7:output=uniform"},
        {"size": "impute pca:1", "income": "passthrough log", "colour": "ordinal impute:most_frequent"},
        {"size, income, paid": "impute standardise pca:2", "index, same": "minmax"},
        {"colour": "impute:most_frequent one_hot:max_categories=1", "city": "one_hot:max_categories=5"},
        {"paid": "one_hot", "income": "target_mean", "colour": "target_mean", "same": "standardise"},
        {"when": "one_hot:max_categories=50", "city": "ordinal impute standardise", "index": "one_hot"},
    ],
    ids=str,
)  # fmt: skip
def test_raw_columns_predict_the_same(transforms: dict[str, str]) -> None:
    assert_prepares(mixed(), mixed(80, seed=1), {"note": "drop", **transforms})


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=30), st.sampled_from(["uniform", "normal"]))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_quantiles_are_the_same_where_numbers_are_equal(values: list[float], output: str) -> None:
    label = number("y", range(len(values)))
    table = Table((number("x", [*values[:-1], values[0]]), label), "made here")
    preparation = Preparation.fit(table, transforms={"x": f"quantile:output={output}"}, task="regression")
    learner = learner_of(parse_layers("linear"), (1,))
    learner.preparation = preparation
    probes = np.concatenate([values, np.nextafter(values, np.inf), np.linspace(-2e6, 2e6, 9)])
    rows = Table((number("x", probes),), "made here")
    found = run(onnx_model(learner), onnx_inputs(preparation, rows))
    np.testing.assert_allclose(found["predictions"], preparation.inputs(rows), rtol=1e-5, atol=1e-6)


@given(st.lists(st.datetimes(), min_size=2, max_size=20))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_parts_of_any_moment_are_the_same(moments: list[Any]) -> None:
    column = date("when", [moment.isoformat() for moment in moments])
    table = Table((column, number("y", range(len(moments)))), "made here")
    preparation = Preparation.fit(table, transforms={"when": "date_parts"}, task="regression")
    learner = learner_of(parse_layers("linear"), (len(preparation.feature_names),))
    learner.preparation = preparation
    found = run(onnx_model(learner), onnx_inputs(preparation, table))
    np.testing.assert_array_equal(found["predictions"], preparation.inputs(table))


def test_inputs_are_the_columns_that_are_used_with_marks_for_missing_cells() -> None:
    learner, preparation = made_of(mixed(), {"note": "drop"})
    model = onnx_model(learner)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert {each.name: (each.type, each.shape) for each in session.get_inputs()} == {
        "size": ("tensor(double)", ["rows", 1]),
        "income": ("tensor(double)", ["rows", 1]),
        "paid": ("tensor(double)", ["rows", 1]),
        "colour": ("tensor(string)", ["rows", 1]),
        "city": ("tensor(string)", ["rows", 1]),
        "when": ("tensor(int64)", ["rows", 1]),
    }
    feed = {
        "size": [[np.nan], [41.5]],
        "income": [[3000.0], [0.0]],
        "paid": [[1.0], [np.nan]],
        "colour": [[""], ["violet"]],
        "city": [["city7"], [""]],
        "when": [[MISSING], [1_700_000_000_000_000]],
    }
    dtypes = {"colour": object, "city": object, "when": np.int64}
    found = run(model, {name: np.array(cells, dtypes.get(name, np.float64)) for name, cells in feed.items()})
    rows = Table(
        (
            number("size", [np.nan, 41.5]),
            number("income", [3000.0, 0.0]),
            number("paid", [1.0, np.nan], Kind.BOOLEAN),
            text("colour", [None, "violet"]),
            text("city", ["city7", None]),
            date("when", ["NaT", "2023-11-14T22:13:20"]),
        ),
        "made here",
    )
    expected = learner.predict(preparation.inputs(rows))
    np.testing.assert_allclose(found["predictions"], expected, rtol=1e-4, atol=1e-5)
    assert found["label"].tolist() == [preparation.classes[each] for each in expected.argmax(axis=1)]  # type: ignore[index]


def test_amounts_are_in_the_units_of_the_table() -> None:
    table = mixed()
    learner, preparation = made_of(table, {"note": "drop"}, label="income", task="regression")
    found = run(onnx_model(learner), onnx_inputs(preparation, table))
    expected = preparation.amounts(learner.predict(preparation.inputs(table)))
    np.testing.assert_allclose(found["amounts"], expected, rtol=1e-4)
    assert [*found] == ["amounts", "predictions"]


def test_a_row_that_the_preparation_refuses_has_no_label() -> None:
    table = Table((number("x", [1.0, 2.0, 3.0]), text("y", ["a", "b", "a"])), "made here")
    learner, preparation = made_of(table, {"x": "standardise"})
    with pytest.raises(DataError, match="expected a number in row 1, column x, got a missing cell"):
        preparation.inputs(Table((number("x", [1.0, np.nan]),), "made here"))
    found = run(onnx_model(learner), {"x": np.array([[1.0], [np.nan]])})
    assert found["label"].tolist()[1] == ""
    assert found["label"].tolist()[0] in ("a", "b")
    assert np.isnan(found["predictions"][1]).all()


def test_columns_may_have_any_names() -> None:
    names = ["label", "predictions", "predicted label", "0.weight", "constant_3", "matmul_5", "inputs", "a b;ü\n"]
    columns = [number(name, np.random.default_rng(index).normal(size=9)) for index, name in enumerate(names)]
    table = Table((*columns, text("y", ["a", "b", "a"] * 3)), "made here")
    learner, preparation = made_of(table, {})
    found = run(onnx_model(learner), onnx_inputs(preparation, table))
    assert [*found] == ["predicted predicted label", "predicted predictions"]
    np.testing.assert_allclose(
        found["predicted predictions"], learner.predict(preparation.inputs(table)), rtol=1e-4, atol=1e-5
    )


def test_the_metadata_name_the_inputs_and_the_label() -> None:
    learner, preparation = made_of(mixed(), {"note": "drop"})
    metadata = {each.key: each.value for each in onnx_model(learner).metadata_props}
    assert json.loads(metadata["feature_names"]) == [*preparation.feature_names]
    assert json.loads(metadata["labels"]) == ["risk"]
    assert json.loads(metadata["columns"])["when"] == ["date"]


def test_every_transform_has_operators_but_for_those_that_hash_or_split_text() -> None:
    named = {name for name, each in TRANSFORMS.items() if each in TRANSLATED}
    assert named == {*TRANSFORMS} - {*WITHOUT} - {"drop"}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_transform_without_operators_is_named_with_its_column(name: str) -> None:
    learner, _ = made_of(mixed(), {"note": WITHOUT[name]})
    with pytest.raises(ConfigError, match=rf"got {name}:\S+ in column note; train with another one"):
        onnx_model(learner)


def test_an_empty_text_among_the_categories_is_refused() -> None:
    table = Table((text("x", ["", "b", "a", None]), text("y", ["a", "b", "a", "b"])), "made here")
    learner, _ = made_of(table, {"x": "one_hot"})
    with pytest.raises(ConfigError, match="got one_hot with an empty text, which stands for none, in column x"):
        onnx_model(learner)


def test_a_model_without_transforms_takes_the_numbers_that_they_make() -> None:
    table = mixed()
    learner, preparation = made_of(table, {"note": "bag_of_words:16"})
    with pytest.raises(ConfigError, match="in column note; train with another one, or export without transforms"):
        onnx_model(learner)
    inputs = preparation.inputs(table)
    found = run(onnx_model(learner, transforms=False), {"inputs": inputs})
    np.testing.assert_allclose(found["predictions"], learner.predict(inputs), rtol=1e-4, atol=1e-5)


def test_amounts_of_several_labels_are_in_their_units() -> None:
    learner, preparation = made_of(mixed(), {"note": "drop"}, label="paid,income")
    found = run(onnx_model(learner), onnx_inputs(preparation, mixed()))
    expected = preparation.amounts(learner.predict(preparation.inputs(mixed())))
    assert expected.shape == (60, 2)
    np.testing.assert_allclose(found["amounts"], expected, rtol=1e-3)


def test_a_cell_of_another_kind_is_refused_with_its_place() -> None:
    _, preparation = made_of(mixed(), {"note": "drop"})
    columns = [text("income", ["1", "x"]) if each.name == "income" else each.rows(np.arange(2)) for each in mixed()]
    with pytest.raises(DataError, match="row 1, column income"):
        onnx_inputs(preparation, Table(tuple(columns), "made here"))
    with pytest.raises(ConfigError, match="expected `preparation` to be a Preparation"):
        onnx_inputs("preparation", mixed())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected `transforms` to be"):
        onnx_model(made_of(mixed(), {"note": "drop"})[0], transforms="no")  # type: ignore[arg-type]
