"""All that makes numbers of a table: the fitted transforms of its columns, and its target's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.texts import listed
from annex_actors.base.types import Array
from annex_actors.base.words import counted
from annex_actors.data.arrays import as_array
from annex_actors.data.tables.columns import Table, row_indices
from annex_actors.data.transforms import files
from annex_actors.data.transforms.defaults import default
from annex_actors.data.transforms.fitted import Fitted, fit
from annex_actors.data.transforms.table import parse_transforms
from annex_actors.data.transforms.target import Target

_TABLE = "a table, such as Table(columns, source)"


@dataclass(frozen=True, eq=False)
class Preparation:
    """The fitted transforms of a table's columns: a pure function from raw rows to what a network takes.

    `Preparation.fit` makes one, and `Dataset.from_table` keeps it, so that ``learner.predict`` takes
    ``dataset.preparation.inputs(table)`` of raw rows.

    Args:
        features: the fitted transforms of each column but the label's, in the order of the table.
        target: what the label's column means.
    """

    features: tuple[Fitted, ...]
    target: Target

    def __repr__(self) -> str:
        inputs = counted(len(self.feature_names), "input")
        return f"Preparation({counted(len(self.features), 'column')} → {inputs}, label {self.target.label})"

    @classmethod
    def fit(
        cls,
        table: Table,
        *,
        label: str | None = None,
        transforms: Mapping[str, str] | None = None,
        rows: ArrayLike | None = None,
        task: str | None = None,
    ) -> Preparation:
        """Return what the training rows of a table say about its columns.

        Args:
            table: all rows.
            label: the name of the column to predict; the last column by default.
            transforms: of some columns, by name, such as ``{"age": "impute standardise", "id": "drop"}``; the others
                get what fits their kind.
            rows: the indices of the training rows; all by default. No other row changes anything but the list of
                classes.
            task: ``classification`` or ``regression``; by default what the kind of the label suggests.

        Raises:
            DataError: an unknown column, cells that a transform cannot take, or nothing left to learn from.
            ConfigError: an unknown transform or task, a wrong setting, or an argument of another kind.
        """
        return prepare(table, label=label, transforms=transforms, rows=rows, task=task)[0]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(name for feature in self.features for name in feature.names)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes; None where amounts are predicted."""
        return self.target.classes

    @property
    def description(self) -> tuple[str, ...]:
        """A line for each column: what is done with it, and why."""
        return (*(feature.description for feature in self.features), self.target.description)

    def inputs(self, table: Table) -> NDArray[np.float32]:
        """Return the inputs of raw rows: float32, shape ``(rows, features)``.

        Columns are found by name, in any order. The label's column and those that were dropped may be there or not.

        Raises:
            DataError: a missing or an unknown column, or a cell that cannot be taken.
            ConfigError: something else than a table.
        """
        checks.instance("table", table, Table, _TABLE)
        used = [feature for feature in self.features if feature.names]
        missing = [feature.column for feature in used if feature.column not in table.names]
        extra = sorted({*table.names} - {feature.column for feature in self.features} - {self.target.label})
        if missing or extra:
            found = " and ".join(
                [f"no {listed(missing)}"] * bool(missing) + [f"also {listed(extra)}"] * bool(extra),
            )
            raise DataError(f"expected the columns of the training, got {found}; add, rename or remove columns")
        return np.hstack([feature.apply(table[feature.column]) for feature in used])

    def targets(self, table: Table) -> Array:
        """Return the targets of raw rows: class numbers, int64, or standardised amounts, float32; shape ``(rows,)``.

        Raises:
            DataError: no label column, a missing label, or one that no training row could have.
            ConfigError: something else than a table.
        """
        checks.instance("table", table, Table, _TABLE)
        return self.target.encode(table[_label(table, self.target.label)])

    def amounts(self, predictions: ArrayLike) -> NDArray[np.float64]:
        """Return predicted amounts, of any shape, in the units of the table: the inverse of `targets`.

        Raises:
            DataError: classes are predicted, not amounts; or the predictions are no numbers.
        """
        values = as_array(predictions, "predictions")
        if self.classes is not None:
            raise DataError(
                f"expected a preparation for regression, got one with {counted(len(self.classes), 'class')}"
            )
        if values.dtype.kind not in "biuf":
            raise DataError(f"expected predictions to be numbers, got an array of {values.dtype}")
        return self.target.amounts(values)

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
    *,
    label: str | None,
    transforms: Mapping[str, str] | None,
    rows: ArrayLike | None,
    task: str | None,
) -> tuple[Preparation, NDArray[np.float32]]:
    """Return the preparation, and the inputs to train on, in which no row knows its own target.

    For arguments and errors see `Preparation.fit`.
    """
    checks.instance("table", table, Table, _TABLE)
    name = _label(table, label)
    chosen = _chosen(table, name, transforms)
    training = row_indices(np.arange(len(table)) if rows is None else rows, len(table))
    target = Target.fit(table[name], training, task)
    targets = target.for_transforms(target.encode(table[name].rows(training)))
    fitted = []
    for column in table:
        if column.name != name:
            own = column.rows(training)
            steps, note = chosen[column.name] if column.name in chosen else default(own)
            fitted.append(fit(own, steps, targets, note))
    if not any(feature.names for feature, _ in fitted):
        raise DataError("expected a column to learn from beside the label, got none; say what to do with one")
    return Preparation(tuple(each for each, _ in fitted), target), np.hstack([inputs for _, inputs in fitted])


def labels_of(table: Table, label: str | None, task: str | None) -> Array | None:
    """Return the class number of each row, by which to split the table; None for regression.

    For arguments and errors see `Preparation.fit`.
    """
    checks.instance("table", table, Table, _TABLE)
    column = table[_label(table, label)]
    target = Target.fit(column, np.arange(len(table)), task)
    return None if target.classes is None else target.encode(column)


def _label(table: Table, label: str | None) -> str:
    known = table.names
    if label is None and known:
        return known[-1]
    if checks.text("label", label, wanted="a column's name") not in known:
        raise DataError(
            f"expected `label` to be one of {listed(known)}, got {listed([label])}{checks.did_you_mean(label, known)}"
        )
    return str(label)


def _chosen(table: Table, label: str, transforms: Mapping[str, str] | None) -> dict[str, tuple[Any, str]]:
    given = checks.instance("transforms", {} if transforms is None else transforms, Mapping, "texts by column name")
    for name in given:
        if name not in table.names or name == label:
            names = [each for each in table.names if each != label]
            hint = checks.did_you_mean(name, names)
            raise DataError(f"expected `transforms` for columns among {listed(names)}, got {listed([name])}{hint}")
    return {name: (parse_transforms(text, f"transforms.{name}"), "") for name, text in given.items()}


def _from_state(state: Mapping[str, Any], arrays: Mapping[str, Array]) -> Preparation:
    own: list[dict[str, Array]] = [{} for _ in state["features"]]
    for name, value in arrays.items():
        index, _, key = name.partition(".")
        own[int(index)][key] = value
    features = tuple(map(Fitted.from_state, state["features"], own))
    return Preparation(features, Target.from_state(state["target"]))
