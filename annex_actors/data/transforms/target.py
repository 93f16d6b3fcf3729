"""The column that a network learns to predict: classes by name, or amounts, which are standardised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.labels import check_classes
from annex_actors.data.tables.columns import Column, Kind
from annex_actors.data.transforms.block import Block, of_kind
from annex_actors.data.transforms.categories import categories_of


class Task(StrEnum):
    """What the cells of the label's column are."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


_MOST_CLASSES, _ROWS_OF_A_CLASS = 20, 5


@dataclass(frozen=True)
class Target:
    """What the cells of the label's column mean.

    Args:
        label: the column's name.
        kind: of its cells.
        classes: the name of every class, in the order of the numbers of the classes; None for amounts.
        mean: of the amounts of the training rows.
        scale: their standard deviation; 1 where all are the same.
    """

    label: str
    kind: Kind
    classes: tuple[str, ...] | None
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(cls, column: Column, rows: NDArray[np.int64], task: str | None) -> Target:
        """Return the target of a table.

        The classes are those of all rows, so that a class of a single row has its number wherever that row is; mean
        and standard deviation are those of the training rows.

        Args:
            column: the label's, all rows.
            rows: the training rows.
            task: ``classification`` or ``regression``; None: text, truth values and dates are classes, numbers with
                decimals are amounts, and whole numbers are classes, but for more than 20 with fewer than 5 rows each on
                average.

        Raises:
            DataError: a missing label, fewer than two classes, or amounts that are no numbers.
            ConfigError: another task.
        """
        chosen = None if task is None else checks.member("task", task, Task)
        _check_whole(column)
        block = Block.of(column)
        if (chosen or _task(column)) is Task.CLASSIFICATION:
            classes = tuple(categories_of(block))
            check_classes(classes)
            return cls(column.name, column.kind, classes)
        amounts = block.numbers("regression")[rows, 0]
        return cls(column.name, column.kind, None, float(amounts.mean()), float(amounts.std()) or 1.0)

    @property
    def description(self) -> str:
        """One line: the label, and what its cells mean."""
        if self.classes is None:
            return f"{shortened(self.label)} ({self.kind}) → the amount to predict, standardise"
        return f"{shortened(self.label)} ({self.kind}) → {counted(len(self.classes), 'class')}: {listed(self.classes)}"

    def encode(self, column: Column) -> Array:
        """Return the targets of any rows: class numbers, int64, or standardised amounts, float32; shape ``(rows,)``.

        Raises:
            DataError: a missing label, or one that is no class or no number.
        """
        _check_whole(column)
        block = Block.of(of_kind(column, self.kind))
        if self.classes is None:
            return ((block.numbers("regression")[:, 0] - self.mean) / self.scale).astype(np.float32)
        number = {name: index for index, name in enumerate(self.classes)}
        found = [number.get(str(word), -1) for word in block.words("classification")]
        if -1 in found:
            row = found.index(-1)
            raise DataError(
                f"expected a label in column {shortened(self.label)} to be one of {listed(self.classes)}, "
                f"got {shown(block.words('classification')[row])} in row {row}; correct it"
            )
        return np.array(found, np.int64)

    def for_transforms(self, encoded: Array) -> Floats:
        """Return targets as transforms take them, shape ``(rows, outputs)``; see `Transform.fit`."""
        if self.classes is None:
            return encoded.astype(np.float64)[:, None]
        hot: Floats = (encoded[:, None] == np.arange(len(self.classes))).astype(np.float64)
        return hot[:, 1:] if len(self.classes) == 2 else hot

    def amounts(self, predictions: Floats) -> NDArray[np.float64]:
        """Return predicted amounts in the units of the table."""
        return np.asarray(predictions, np.float64) * self.scale + self.mean

    def state(self) -> dict[str, Any]:
        """Return everything as JSON holds it; `from_state` is the inverse."""
        classes = None if self.classes is None else list(self.classes)
        return {
            "label": self.label,
            "kind": self.kind.value,
            "classes": classes,
            "mean": self.mean,
            "scale": self.scale,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Target:
        """Return the value with this state."""
        classes = None if state["classes"] is None else tuple(state["classes"])
        return cls(state["label"], Kind(state["kind"]), classes, float(state["mean"]), float(state["scale"]))


def _task(column: Column) -> Task:
    if column.kind is Kind.NUMBER:
        return Task.REGRESSION
    distinct = len(set(column.values.tolist()))
    is_amount = distinct > _MOST_CLASSES and len(column) < _ROWS_OF_A_CLASS * distinct
    return Task.REGRESSION if column.kind is Kind.INTEGER and is_amount else Task.CLASSIFICATION


def _check_whole(column: Column) -> None:
    missing = np.flatnonzero(column.missing)
    if len(missing):
        raise DataError(
            f"expected a label in each row, got a missing cell in column {shortened(column.name)}, row {missing[0]}; "
            "fill it in or remove the row"
        )
