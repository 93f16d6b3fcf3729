"""Transforms of a table's columns as ONNX operators, in float64, as the transforms themselves compute.

A new transform is one more row of `TRANSFORMS`. What hashes or splits text has none: ONNX has no operators for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from annex_actors.base.errors import ConfigError
from annex_actors.base.texts import listed
from annex_actors.base.types import Array
from annex_actors.data.tables.columns import Column, Form, Kind
from annex_actors.data.transforms.block import of_form
from annex_actors.data.transforms.categories import OneHot, Ordinal, TargetMean
from annex_actors.data.transforms.dates import DateParts
from annex_actors.data.transforms.fitted import Fitted
from annex_actors.data.transforms.imputing import Impute
from annex_actors.data.transforms.scaling import Log, MinMax, Output, Passthrough, Pca, Quantile, Robust, Standardise
from annex_actors.export.dates import MISSING, parts_of
from annex_actors.export.graph import Graph
from annex_actors.export.quantiles import normal_deviate, share_below

DTYPES: Mapping[Kind, Any] = {Kind.TEXT: object, Kind.DATE: np.int64}
"""What a model takes for a column of each kind; float64 for all others."""


@dataclass(frozen=True)
class Cells:
    """Columns side by side, as a value of a graph.

    Args:
        kind: what the cells are.
        value: shape ``(rows, columns)``: texts, of which a missing one is empty; microseconds since 1970 as int64, of
            which `MISSING` is missing; else float64, NaN where one is missing.
        columns: how many; text and dates have one.
    """

    kind: Kind
    value: str
    columns: int = 1

    def missing(self, graph: Graph) -> str:
        """Add whether each cell is missing."""
        if self.kind is Kind.TEXT:
            return graph.cast(_numbered(graph, self.value, [""], first=1, default=0), np.bool_)
        if self.kind is Kind.DATE:
            return graph.node("Equal", self.value, graph.array([MISSING], np.int64))
        return graph.node("IsNaN", self.value)


ToTransform: TypeAlias = Callable[[Graph, Any, Mapping[str, Any], Cells], Cells]
"""Adds a transform's nodes, given its settings and what it learned."""


def features_of(graph: Graph, feature: Fitted) -> str:
    """Add the transforms of columns, and return the value of their numbers, shape ``(rows, outputs)``.

    Raises:
        ConfigError: ONNX has no operators for a transform; the message names the column and the transform.
    """
    columns = feature.columns
    together = columns[0] if len(columns) == 1 else graph.node("Concat", *columns, axis=1)
    cells = Cells(feature.kind, together, len(columns))
    for transform, state in zip(feature.transforms, feature.states, strict=True):
        add = TRANSFORMS.get(type(transform))
        if add is None or "" in state.get("categories", ()):
            got = transform.spec() if add is None else f"{transform.spec()} with an empty text, which stands for none,"
            raise ConfigError(
                f"expected transforms that ONNX has operators for, got {got} in column {listed(columns)}; "
                "train with another one, or export without transforms"
            )
        cells = add(graph, transform, state, cells)
    return cells.value


def cells_of(column: Column, kind: Kind) -> Array:
    """Return the cells of a column as a model takes them, shape ``(rows, 1)``.

    Raises:
        DataError: they are of another kind.
    """
    values = of_form(column, Form(kind)).values
    if kind is Kind.TEXT:
        return np.array([["" if cell is None else cell] for cell in values], object).reshape(-1, 1)
    return np.asarray(values.astype(np.int64) if kind is Kind.DATE else values)[:, None]


def _numbers(value: str, columns: int = 1) -> Cells:
    return Cells(Kind.NUMBER, value, columns)


def _standardise(graph: Graph, transform: object, state: Mapping[str, Any], cells: Cells) -> Cells:
    return _scaled(graph, cells, state["mean"], state["scale"])


def _robust(graph: Graph, transform: object, state: Mapping[str, Any], cells: Cells) -> Cells:
    return _scaled(graph, cells, state["center"], state["scale"])


def _scaled(graph: Graph, cells: Cells, shift: Any, scale: Any) -> Cells:
    centred = graph.node("Sub", cells.value, graph.array(shift))
    return _numbers(graph.node("Div", centred, graph.array(scale)), cells.columns)


def _minmax(graph: Graph, transform: MinMax, state: Mapping[str, Any], cells: Cells) -> Cells:
    product = graph.node("Mul", cells.value, graph.array(state["scale"]))
    scaled = graph.node("Add", product, graph.array(state["offset"]))
    if transform.clip:
        scaled = graph.node("Clip", scaled, graph.array(0), graph.array(1))
    return _numbers(scaled, cells.columns)


def _log(graph: Graph, transform: object, state: Mapping[str, Any], cells: Cells) -> Cells:
    logarithm = graph.node("Log", graph.node("Add", graph.node("Abs", cells.value), graph.array(1)))
    return _numbers(graph.node("Mul", graph.node("Sign", cells.value), logarithm), cells.columns)


def _pca(graph: Graph, transform: Pca, state: Mapping[str, Any], cells: Cells) -> Cells:
    centred = graph.node("Sub", cells.value, graph.array(state["mean"]))
    return _numbers(graph.node("MatMul", centred, graph.array(state["components"].T)), transform.components)


def _impute(graph: Graph, transform: object, state: Mapping[str, Any], cells: Cells) -> Cells:
    missing = cells.missing(graph)
    if "text" in state:
        return Cells(cells.kind, graph.node("Where", missing, graph.texts(state["text"]), cells.value))
    filled = graph.node("Where", missing, graph.array(state["fill"]), cells.value)
    marked = np.flatnonzero(state["marked"])
    if not len(marked):
        return _numbers(filled, cells.columns)
    marks = graph.node("Gather", graph.floats(missing), graph.integers(*marked), axis=1)
    return _numbers(graph.node("Concat", filled, marks, axis=1), cells.columns + len(marked))


def _one_hot(graph: Graph, transform: OneHot, state: Mapping[str, Any], cells: Cells) -> Cells:
    categories, extra = state["categories"], state["extra"]
    place = {word: len(categories) + index for index, word in enumerate(extra)}
    codes = _codes(graph, cells, categories, unknown=place.get("other", -1), missing=place.get("missing", -1))
    columns = graph.array(np.arange(len(categories) + len(extra)), np.int64)
    return _numbers(graph.floats(graph.node("Equal", codes, columns)), len(categories) + len(extra))


def _ordinal(graph: Graph, transform: Ordinal, state: Mapping[str, Any], cells: Cells) -> Cells:
    codes = _codes(graph, cells, state["categories"], unknown=-1, missing=-1)
    is_unknown = graph.node("Less", codes, graph.array(0, np.int64))
    return _numbers(graph.node("Where", is_unknown, graph.array(np.nan), graph.floats(codes)))


def _target_mean(graph: Graph, transform: TargetMean, state: Mapping[str, Any], cells: Cells) -> Cells:
    count = len(state["categories"])
    codes = _codes(graph, cells, state["categories"], unknown=count + 1, missing=count)
    means = graph.node("Gather", graph.array(state["means"]), graph.node("Squeeze", codes, graph.integers(1)))
    return _numbers(means, state["means"].shape[1])


def _date_parts(graph: Graph, transform: DateParts, state: Mapping[str, Any], cells: Cells) -> Cells:
    parts, names = parts_of(graph, cells.value), state["parts"]
    numbers = graph.floats(graph.node("Concat", *(parts[name] for name in names), axis=1))
    known = graph.node("Where", cells.missing(graph), graph.array(np.nan), numbers)
    return _numbers(known, len(names))


def _quantile(graph: Graph, transform: Quantile, state: Mapping[str, Any], cells: Cells) -> Cells:
    columns = graph.several("Split", [cells.value], cells.columns, axis=1, num_outputs=cells.columns)
    shares = graph.node(
        "Concat",
        *(share_below(graph, *each, state["shares"]) for each in zip(columns, state["quantiles"].T, strict=True)),
        axis=1,
    )
    is_uniform = transform.output is Output.UNIFORM
    return _numbers(shares if is_uniform else normal_deviate(graph, shares), cells.columns)


def _codes(graph: Graph, cells: Cells, categories: tuple[str, ...], *, unknown: int, missing: int) -> str:
    """Add the index of each cell's category, int64, shape ``(rows, 1)``."""
    if cells.kind is Kind.TEXT:
        codes = _numbered(graph, cells.value, [*categories], first=0, default=unknown)
    else:
        known = graph.array([[_cell(cells.kind, word) for word in categories]], DTYPES.get(cells.kind, np.float64))
        is_of = graph.cast(graph.node("Equal", cells.value, known), np.int64)
        # One more than the index, summed over the only category that is equal; 0 where none is.
        numbers = graph.array(np.arange(1, len(categories) + 1), np.int64)
        found = graph.node("ReduceSum", graph.node("Mul", is_of, numbers), graph.integers(1))
        is_unknown = graph.node("Equal", found, graph.array(0, np.int64))
        index = graph.node("Sub", found, graph.array(1, np.int64))
        codes = graph.node("Where", is_unknown, graph.array(unknown, np.int64), index)
    return graph.node("Where", cells.missing(graph), graph.array(missing, np.int64), codes)


def _cell(kind: Kind, word: str) -> float | int:
    """Return the cell of which a category is the text; see `Block.words`."""
    if kind is Kind.DATE:
        return int(np.datetime64(word, "us").astype(np.int64))
    return float(word == "true") if kind is Kind.BOOLEAN else float(word)


def _numbered(graph: Graph, texts: str, keys: list[str], *, first: int, default: int) -> str:
    numbers = [*range(first, first + len(keys))]
    return graph.node(
        "LabelEncoder", texts, domain="ai.onnx.ml", keys_strings=keys, values_int64s=numbers, default_int64=default
    )


TRANSFORMS: Mapping[type[Any], ToTransform] = {
    Standardise: _standardise,
    Robust: _robust,
    MinMax: _minmax,
    Quantile: _quantile,
    Log: _log,
    Impute: _impute,
    OneHot: _one_hot,
    Ordinal: _ordinal,
    TargetMean: _target_mean,
    DateParts: _date_parts,
    Pca: _pca,
    Passthrough: lambda graph, transform, state, cells: _numbers(cells.value, cells.columns),
}
"""What adds the nodes of a transform, by its class."""
