"""The columns that a network learns to predict: classes by name, or amounts, which are standardised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.labels import check_classes
from annex_actors.data.tables.columns import CellError, Column, Form, Kind, Table, located
from annex_actors.data.tables.kinds import number_of
from annex_actors.data.transforms.block import NUMBERS, Block, of_form, read_numbers
from annex_actors.data.transforms.categories import categories_of
from annex_actors.data.units import Units


class Task(StrEnum):
    """What the cells of a label's column are."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


_MOST_CLASSES, _ROWS_OF_A_CLASS, _FEW = 20, 5, 20


@dataclass(frozen=True, eq=False)
class Target:
    """What the cells of the labels' columns mean.

    Args:
        labels: the columns' names: one, or several with amounts.
        forms: of their cells.
        classes: the name of every class, in the order of the numbers of the classes; None for amounts.
        units: of amounts; None for classes.
    """

    labels: tuple[str, ...]
    forms: tuple[Form, ...]
    classes: tuple[str, ...] | None
    units: Units | None = None

    @classmethod
    def fit(cls, table: Table, labels: Sequence[str], rows: NDArray[np.int64], task: str | None) -> Target:
        """Return the target of a table.

        The classes are those of all rows, so that a class of a single row has its number wherever that row is; mean
        and standard deviation are those of the training rows.

        Args:
            table: all rows.
            labels: the names of its columns to predict; several are amounts, or truth values as 0 and 1.
            rows: the training rows.
            task: ``classification`` or ``regression``; None: text, truth values and dates are classes, numbers with
                decimals are amounts, and whole numbers are classes, but for more than 20 with fewer than 5 rows each on
                average.

        Raises:
            DataError: a missing label, fewer than two classes, nearly as many as rows, or amounts that are no numbers.
            ConfigError: another task, or classes of several columns.
        """
        chosen = None if task is None else checks.member("task", task, Task)
        columns = tuple(table[label] for label in labels)
        for column in columns:
            with located(table, column.name):
                _check_whole(column)
        forms = tuple(column.form for column in columns)
        if len(columns) > 1:
            if chosen is Task.CLASSIFICATION:
                raise ConfigError(f"expected one label for classification, got {listed(labels)}; leave the task out")
            return cls(tuple(labels), forms, None, _units(table, columns, rows, keep_truth=True))
        if (chosen or _task(columns[0])) is Task.REGRESSION:
            return cls(tuple(labels), forms, None, _units(table, columns, rows, keep_truth=False))
        with located(table, labels[0]):
            classes = _classes(columns[0], is_sure=chosen is not None)
        return cls(tuple(labels), forms, classes)

    @property
    def description(self) -> str:
        """One line: the label, and what its cells mean."""
        named = ", ".join(
            f"{shortened(label)} ({form.kind})" for label, form in zip(self.labels, self.forms, strict=True)
        )
        if self.classes is None:
            what = "the amount" if len(self.labels) == 1 else counted(len(self.labels), "amount")
            return f"{named} → {what} to predict, standardise"
        return f"{named} → {counted(len(self.classes), 'class')}: {listed(self.classes)}"

    def encode(self, table: Table) -> Array:
        """Return the targets of any rows: class numbers, int64, shape ``(rows,)``; or standardised amounts.

        Amounts are float32, of shape ``(rows,)``; of several labels ``(rows, labels)``.

        Raises:
            DataError: a missing label, or one that is no class or no number.
        """
        found = []
        for label, form in zip(self.labels, self.forms, strict=True):
            with located(table, label):
                _check_whole(table[label])
                found.append(self._encoded(table[label], form))
        if self.units is None:
            return found[0]
        return self.units.standardised(found[0] if len(found) == 1 else np.stack(found, axis=1))

    def _encoded(self, column: Column, form: Form) -> Array:
        if self.classes is None:
            return _amounts(column)
        column = of_form(column, form)
        if column.kind is Kind.BOOLEAN:
            return column.values.astype(np.int64)
        number = {name: index for index, name in enumerate(self.classes)}
        known, places = np.unique(column.values, return_inverse=True)
        words = Block((column.name,), form.kind, known[:, None]).words(Task.CLASSIFICATION)
        encoded: Array = np.array([number.get(str(word), -1) for word in words], np.int64)[places]
        if (encoded < 0).any():
            row = int(np.argmin(encoded))
            cell = shown(words[places[row]])
            raise CellError(f"expected one of {listed(self.classes)}", row, f"{cell}; correct the label")
        return encoded

    def for_transforms(self, encoded: Array) -> Floats:
        """Return targets as transforms take them, shape ``(rows, outputs)``; see `Transform.fit`."""
        if self.classes is None:
            return encoded.astype(np.float64).reshape(len(encoded), -1)
        hot: Floats = (encoded[:, None] == np.arange(len(self.classes))).astype(np.float64)
        return hot[:, 1:] if len(self.classes) == 2 else hot

    def state(self) -> dict[str, Any]:
        """Return everything as JSON holds it; `from_state` is the inverse."""
        return {
            "labels": list(self.labels),
            "kinds": [form.kind.value for form in self.forms],
            "words": [list(form.words) for form in self.forms],
            "classes": None if self.classes is None else list(self.classes),
            "mean": None if self.units is None else self.units.mean.tolist(),
            "scale": None if self.units is None else self.units.scale.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Target:
        """Return the value with this state."""
        kinds = zip(state["kinds"], state["words"], strict=True)
        forms = tuple(Form(Kind(kind), tuple(words)) for kind, words in kinds)
        if state["classes"] is not None:
            return cls(tuple(state["labels"]), forms, tuple(state["classes"]))
        units = Units(np.array(state["mean"], np.float64), np.array(state["scale"], np.float64))
        return cls(tuple(state["labels"]), forms, None, units)


def _task(column: Column) -> Task:
    if column.kind is Kind.NUMBER:
        return Task.REGRESSION
    distinct = len(set(column.values.tolist()))
    is_amount = distinct > _MOST_CLASSES and len(column) < _ROWS_OF_A_CLASS * distinct
    return Task.REGRESSION if column.kind is Kind.INTEGER and is_amount else Task.CLASSIFICATION


def _classes(column: Column, *, is_sure: bool) -> tuple[str, ...]:
    """Return the names of the classes; ``is_sure`` says that the cells are classes whatever they look like."""
    if column.kind is Kind.BOOLEAN and len(set(column.values.tolist())) == 2:
        return column.words or ("false", "true")
    classes = tuple(categories_of(Block.of(column)))
    check_classes(classes)
    if not is_sure and column.kind is Kind.TEXT:
        _check_all_text(column)
        if len(column) > _FEW and 2 * len(classes) > len(column):
            raise DataError(
                f"expected several samples of each class, got {counted(len(classes), 'class')} in column "
                f"{shortened(column.name)} of {counted(len(column), 'sample')}; choose another label, "
                'or task="classification" to train on them as they are'
            )
    return classes


def _check_all_text(column: Column) -> None:
    numeric = [number_of(cell) is not None for cell in column.values]
    if any(numeric) and not all(numeric):
        odd = numeric.index(2 * sum(numeric) < len(numeric))
        cure = 'correct it, or say task="classification" (--task) if all are classes'
        raise CellError("expected labels that are all numbers or all text", odd, f"{shown(column.values[odd])}; {cure}")


def _units(table: Table, columns: Sequence[Column], rows: NDArray[np.int64], *, keep_truth: bool) -> Units:
    """Return mean and scale of the training rows; ``keep_truth`` leaves truth values what they are."""
    means, scales = [], []
    for column in columns:
        with located(table, column.name):
            amounts = _amounts(column)
        is_truth = keep_truth and bool(np.isin(amounts, (0, 1)).all())
        means.append(0.0 if is_truth else float(amounts[rows].mean()))
        scales.append(1.0 if is_truth else float(amounts[rows].std()) or 1.0)
    return Units(np.array(means), np.array(scales))


def _amounts(column: Column) -> NDArray[np.float64]:
    if column.kind not in NUMBERS:
        numbers = read_numbers(column, "expected a number to predict")
        column = Column(column.name, Kind.NUMBER, numbers)
    return Block.of(column).numbers(Task.REGRESSION)[:, 0]


def _check_whole(column: Column) -> None:
    missing = np.flatnonzero(column.missing)
    if len(missing):
        raise CellError("expected a label", int(missing[0]), "a missing cell; fill it in or remove the row")
