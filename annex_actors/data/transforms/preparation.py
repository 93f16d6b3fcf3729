"""All that makes numbers of a table: the fitted transforms of its columns, and its target's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.arrays import as_array
from annex_actors.data.tables.columns import CellError, Column, Form, Table, located, row_indices
from annex_actors.data.tables.frames import as_table
from annex_actors.data.tables.odd_cells import odd_cell
from annex_actors.data.transforms import files
from annex_actors.data.transforms.choices import Choices, Label, chosen_transforms, labels_named
from annex_actors.data.transforms.defaults import default
from annex_actors.data.transforms.fitted import Fitted, fit
from annex_actors.data.transforms.table import parse_transforms
from annex_actors.data.transforms.target import Target
from annex_actors.data.transforms.transform import Transform
from annex_actors.data.units import Units


@dataclass(frozen=True, eq=False)
class Preparation:
    """The fitted transforms of a table's columns: a pure function from raw rows to what a network takes.

    `Preparation.fit` makes one, and `Dataset.from_table` keeps it, so that ``learner.predict`` takes
    ``dataset.preparation.inputs(table)`` of raw rows.

    Args:
        features: the fitted transforms of each column but the label's, in the order of the table; columns that are
            transformed together are where the first of them is.
        target: what the columns to predict mean.
    """

    features: tuple[Fitted, ...]
    target: Target

    def __repr__(self) -> str:
        inputs = counted(len(self.feature_names), "input")
        columns = counted(sum(len(each.columns) for each in self.features), "column")
        return f"Preparation({columns} → {inputs}, label {', '.join(self.target.labels)})"

    @classmethod
    def fit(
        cls,
        table: Table | Any,
        *,
        label: Label = None,
        transforms: Mapping[str, str] | None = None,
        rows: ArrayLike | None = None,
        task: str | None = None,
    ) -> Preparation:
        """Return what the training rows of a table say about its columns.

        Args:
            table: all rows: a table, or a data frame that `table_of` takes.
            label: the column to predict, by name or by index (negative from the end); the last by default. Several
                names, or a text of names with commas between them, are several amounts, or truth values as 0 and 1.
            transforms: of some columns, by name, such as ``{"age": "impute standardise", "id": "drop"}``; the others
                get what fits their kind. Several names, with commas between them, are transformed together, as
                ``{"height, weight, x*": "impute standardise pca:2"}``; ``*``, ``?`` and ``[...]`` stand for columns
                that no other key names. Their outputs are where the first of them is.
            rows: the indices of the training rows; all by default. No other row changes anything but the list of
                classes.
            task: ``classification`` or ``regression``; by default what the kind of the label suggests.

        Raises:
            DataError: an unknown column, cells that a transform cannot take, or nothing left to learn from.
            ConfigError: an unknown transform or task, a wrong setting, or an argument of another kind.
        """
        table = as_table("table", table)
        training = row_indices(np.arange(len(table)) if rows is None else rows, len(table))
        target = Target.fit(table, labels_named(table, label), training, task)
        return prepare(table, target, training, chosen_transforms(table, target.labels, transforms), side_by_side)[0]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(name for feature in self.features for name in feature.names)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes; None where amounts are predicted."""
        return self.target.classes

    @property
    def units(self) -> Units | None:
        """The units of the amounts that are predicted; None where classes are."""
        return self.target.units

    @property
    def forms(self) -> dict[str, Form]:
        """How the cells of each column are written, by name; see `read_table`."""
        own = [pair for feature in self.features for pair in zip(feature.columns, feature.forms, strict=True)]
        return dict(own) | dict(zip(self.target.labels, self.target.forms, strict=True))

    @property
    def description(self) -> tuple[str, ...]:
        """A line for each column: what is done with it, and why."""
        return (*(feature.description for feature in self.features), self.target.description)

    def inputs(self, table: Table | Any) -> NDArray[np.float32]:
        """Return the inputs of raw rows: float32, shape ``(rows, features)``.

        The rows are those of a table, or of a data frame that `table_of` takes. Columns are found by name, in any
        order. The label's column and those that were dropped may be there or not.

        Raises:
            DataError: a missing or an unknown column, or a cell that cannot be taken.
            ConfigError: something else than a table.
        """
        return side_by_side(self.inputs_by_column(as_table("table", table)))

    def inputs_by_column(self, table: Table) -> Iterator[NDArray[np.float32]]:
        """Return the inputs that each column becomes, one after another; see `inputs`.

        Raises:
            DataError: see `inputs`; a cell is looked at when its column is due.
            ConfigError: something else than a table.
        """
        checks.instance("table", table, Table, "a table; as_table makes one of a data frame")
        used = [feature for feature in self.features if feature.names]
        missing = [name for feature in used for name in feature.columns if name not in table]
        known = {name for feature in self.features for name in feature.columns}
        extra = sorted({*table.names} - known - {*self.target.labels})
        if missing or extra:
            found = " and ".join(
                [f"no {listed(missing)}"] * bool(missing) + [f"also {listed(extra)}"] * bool(extra),
            )
            raise DataError(f"expected the columns of the training, got {found}; add, rename or remove columns")
        return (_applied(feature, table) for feature in used)

    def targets(self, table: Table | Any) -> Array:
        """Return the targets of raw rows: class numbers, int64, shape ``(rows,)``, or standardised amounts, float32.

        Amounts have the shape ``(rows,)``, or ``(rows, labels)`` of several labels.

        Raises:
            DataError: no label column, a missing label, or one that no training row could have.
            ConfigError: something else than a table.
        """
        table = as_table("table", table)
        if missing := [label for label in self.target.labels if label not in table]:
            raise DataError(f"expected the label among the columns, got no {listed(missing)}; add it")
        return self.target.encode(table)

    def amounts(self, predictions: ArrayLike) -> NDArray[np.float64]:
        """Return predicted amounts, of any shape, in the units of the table: the inverse of `targets`.

        Raises:
            DataError: classes are predicted, not amounts; or the predictions are no numbers.
        """
        values, units = as_array(predictions, "predictions"), self.target.units
        if units is None:
            count = counted(len(self.classes or ()), "class")
            raise DataError(f"expected a preparation for regression, got one with {count}")
        if values.dtype.kind not in "biuf":
            raise DataError(f"expected predictions to be numbers, got an array of {values.dtype}")
        return units.restored(values)

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of everything in it."""
        return hashlib.sha256(self.to_bytes()[0].encode()).hexdigest()

    def to_bytes(self) -> tuple[str, bytes]:
        """Return everything as a JSON text and the content of a safetensors file; `from_bytes` is the inverse."""
        states = [feature.state() for feature in self.features]
        arrays = {f"{index}.{name}": each for index, (_, own) in enumerate(states) for name, each in own.items()}
        return files.written({"features": [each for each, _ in states], "target": self.target.state()}, arrays)

    @classmethod
    def from_bytes(cls, text: str, content: bytes) -> Preparation:
        """Return the preparation of which `to_bytes` returned this pair; nothing in it is run.

        Raises:
            DataError: another text or content, or a pair that does not belong together.
            ConfigError: a transform that has no name here; register it first.
        """
        return files.read(checks.text("text", text), checks.instance("content", content, bytes, "bytes"), _from_state)

    def save(self, path: str | Path) -> None:
        """Write two files: ``path`` with the suffixes ``.json`` and ``.safetensors``.

        Raises:
            ConfigError: no path, or one that cannot be written.
        """
        files.save(checks.path("path", path), *self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> Preparation:
        """Return the preparation that `save` wrote; for errors see `from_bytes`."""
        return cls.from_bytes(*files.load(checks.path("path", path)))


def prepare(
    table: Table,
    target: Target,
    rows: NDArray[np.int64],
    chosen: Choices,
    collected: Callable[[Iterator[Floats]], Floats],
) -> tuple[Preparation, Floats]:
    """Return the preparation, and the inputs to train on, in which no row knows its own target.

    Args:
        table: all rows.
        target: what is predicted.
        rows: the training rows.
        chosen: the transforms of some columns; the others get what fits their kind.
        collected: from the inputs that columns become, one after another, to all of them side by side.

    Raises:
        DataError: cells that a transform cannot take, or nothing left to learn from.
    """
    check_numbers(table, target.labels, chosen)
    training = table.rows(rows)
    targets = target.for_transforms(target.encode(training))
    features: list[Fitted] = []

    def inputs() -> Iterator[Floats]:
        for columns, steps, note in with_defaults(training, target.labels, chosen):
            with located(training, *(column.name for column in columns)):
                feature, made = fit(columns, steps, targets, note)
            features.append(feature)
            yield made
        if not any(feature.names for feature in features):
            raise DataError("expected a column to learn from beside the label, got none; say what to do with one")

    found = collected(inputs())
    return Preparation(tuple(features), target), found


def side_by_side(inputs: Iterator[Floats]) -> Floats:
    """Return the inputs of all columns in memory."""
    found: Floats = np.hstack([*inputs])
    return found


def with_defaults(
    table: Table, labels: Sequence[str], chosen: Choices
) -> Iterator[tuple[list[Column], tuple[Transform, ...], str]]:
    """Yield the columns that are transformed together, their transforms, and why, in the table's order.

    Args:
        table: the rows that decide what fits a column, each column of which is read once.
        labels: the columns to predict, which are left out.
        chosen: the transforms of some columns; the others get what fits their kind.
    """
    together, parse = {name: names for names in chosen for name in names}, cache(parse_transforms)
    for names in dict.fromkeys(together.get(name, (name,)) for name in table.names if name not in labels):
        columns = [table[name] for name in names]
        if names in chosen:
            yield columns, *chosen[names]
        else:
            text, note = default(columns[0])
            yield columns, parse(text), note


def check_numbers(table: Table, labels: Sequence[str], chosen: Choices) -> None:
    """Refuse numbers with a typing error, which would become hundreds of categories without a word.

    Raises:
        CellError: a column, neither a label nor ``chosen``, has a cell that is no number where most cells are.
    """
    passed = {*labels, *(name for names in chosen for name in names)}
    for column in (table[name] for name in table.names if name not in passed):
        row = odd_cell(column)
        if row is not None:
            cell, place = shown(column.values[row]), table.place(row, column.name)
            cure = "correct the cell, or say what the column is by a transform, such as one_hot or drop"
            raise CellError("expected a number, as most cells of the column,", row, f"{cell}; {cure}", place)


def _applied(feature: Fitted, table: Table) -> NDArray[np.float32]:
    with located(table, *feature.columns):
        return feature.apply(*(table[name] for name in feature.columns))


def _from_state(state: Mapping[str, Any], arrays: Mapping[str, Array]) -> Preparation:
    own: list[dict[str, Array]] = [{} for _ in state["features"]]
    for name, value in arrays.items():
        index, _, key = name.partition(".")
        own[int(index)][key] = value
    parse = cache(parse_transforms)
    features = tuple(Fitted.from_state(*each, parse) for each in zip(state["features"], own, strict=True))
    return Preparation(features, Target.from_state(state["target"]))
