"""The user's own table as a data set: one sample per line, the target in one column or several."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import reading
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.dataset import Dataset
from annex_actors.data.labels import check_classes
from annex_actors.data.tables.columns import Column, Kind
from annex_actors.data.tables.read import open_table
from annex_actors.data.tables.text_file import TextFile

TASKS = ("classification", "regression")
"""What labels can be: classes or amounts."""

_LARGEST = float(np.finfo(np.float32).max)
_FEW = 20


def read_csv(
    path: str | Path,
    *,
    label: str | int | None = None,
    task: str | None = None,
    header: bool | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Return the data set in a table's file: ``.csv``, ``.tsv`` or ``.tab``, packed (``.gz``) or not, in UTF-8.

    See `annex_actors.data.tables.read_table` for how it is read. Every column but the label's is a feature and must
    hold numbers or truth values. Labels that are integers or text are classes, sorted; numbers with decimals are for
    regression.

    Args:
        path: the file, one sample per line.
        label: the target's column: a name in the header, or an index from 0 (negative from the end); the last by
            default. Several names with commas between them are amounts, or truth values as 0 and 1.
        task: ``classification`` or ``regression``, where the labels themselves would say another.
        header: whether the first line holds names; None: where no cell of it is a number or date, or where its label
            occurs nowhere else.
        test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
        seed: of the split, >= 0.

    Raises:
        DataError: a file that cannot be read, an unknown column, lines of different lengths, an empty cell, a feature
            that is not a finite number, labels both of numbers and text, or nearly as many classes as samples without
            a ``task``; the message names file, line, column and cell.
        ConfigError: ``test_fraction`` or ``seed`` out of range, or an argument of another kind.
    """
    path = checks.path("path", path)
    check_task(task)
    if header is not None:
        checks.boolean("header", header)
    with reading(path):
        file = open_table(path, header=header, label=label)
        if len(file.names) < 2:
            raise DataError(
                "expected at least 2 columns (a feature and the label), got 1; put commas between the cells"
            )
        targets = _label_columns(file, label)
        features = [index for index in range(len(file.names)) if index not in (*targets, file.counter)]
        names = file.header or range(len(file.names))
        dataset = Dataset.from_arrays(
            _numbers(file, features),
            _targets(file, targets[0], task) if len(targets) == 1 else _amounts(file, targets),
            test_fraction=test_fraction,
            seed=seed,
            name=path.name.partition(".")[0] if path.suffix == ".gz" else path.stem,
            feature_names=[file.names[index] for index in features] if file.header else None,
            source=f"{file.source}, target in column {listed([names[each] for each in targets])}, split seed {seed}",
        )
        check_classes(dataset.classes)
        return dataset


def check_task(task: object) -> None:
    """Raise ConfigError unless ``task`` is None or one of `TASKS`."""
    if task is not None and not (isinstance(task, str) and task in TASKS):
        raise ConfigError(f"expected `task` to be {' or '.join(TASKS)}, got {shown(task)}")


def _label_columns(file: TextFile, label: str | int | None) -> list[int]:
    names = file.header or ()
    if isinstance(label, str) and label not in names and "," in label:
        return [_label_column(file, part.strip()) for part in label.split(",")]
    return [_label_column(file, label)]


def _label_column(file: TextFile, label: str | int | None) -> int:
    names, width = file.names if file.header else (), len(file.names)
    if isinstance(label, str) and label in names:
        return names.index(label)
    try:
        index = -1 if label is None else int(label)
    except ValueError:
        index = width
    if -width <= index < width:
        return index % width
    known = listed(names) if names else f"no header, so an index from {-width} to {width - 1}"
    close = get_close_matches(str(label), names, n=1)
    hint = f"did you mean {shown(close[0])}?" if close else "give a name or an index"
    raise DataError(f"expected the label column to be one of {known}, got {shown(label)}; {hint}")


def _numbers(file: TextFile, features: Sequence[int]) -> Floats:
    """Return the features as float32, shape ``(samples, features)``."""
    columns = list(file.table)
    if file.counter is not None:
        columns.insert(file.counter, columns[0])  # a place is an index in the file
    bad = [(row, index) for index in features if (row := _first_bad(file, columns[index], index)) is not None]
    if bad:
        row, index = min(bad)
        raise _not_a_number(file, row, index)
    numbers = np.empty((len(file), len(features)), np.float32)
    for at, index in enumerate(features):
        numbers[:, at] = columns[index].values
    numbers.flags.writeable = False
    return numbers


def _first_bad(file: TextFile, column: Column, index: int) -> int | None:
    """Return the first row that holds no finite number, if any."""
    if column.kind in (Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN):
        fits = np.abs(column.values) <= _LARGEST  # False for NaN too
        return None if fits.all() else int(np.argmin(fits))
    for row, cell in enumerate(file.column(index)):
        number = file.number(cell)
        if number is None or not abs(number) <= _LARGEST:
            return row
    return 0  # a column that is no number as a whole


def _not_a_number(file: TextFile, row: int, index: int) -> DataError:
    cell = file.column(index)[row]
    return DataError(
        f"expected a finite number, got {shown(cell)} in {file.place(row, index)}; "
        "encode the column in numbers, or remove the line or the column"
    )


def _targets(file: TextFile, index: int, task: str | None) -> Array:
    cells = file.column(index)
    if "" in cells:
        raise DataError(f"expected a label, got an empty cell in {file.place(cells.index(''), index)}; fill it in")
    numeric = [file.number(cell) is not None for cell in cells]
    if task == "regression":
        return _amounts(file, [index])[:, 0]
    whole = all(map(_is_whole, cells))
    if task is None and any(numeric) and not all(numeric):
        odd = numeric.index(2 * sum(numeric) < len(numeric))
        raise DataError(
            f"expected labels that are all numbers or all text, got {shown(cells[odd])} in {file.place(odd, index)}; "
            'correct it, or say task="classification" (--task) if all are classes'
        )
    if task is None and all(numeric) and not whole:
        return _amounts(file, [index])[:, 0]
    labels = np.array([int(cell) for cell in cells]) if whole else np.array(cells)
    if task is None:
        _check_several_of_each(file, index, labels)
    return labels


def _check_several_of_each(file: TextFile, index: int, labels: Array) -> None:
    classes = len(set(labels.tolist()))
    if len(labels) > _FEW and 2 * classes > len(labels):
        amounts = labels.dtype.kind == "i"
        hint = 'say task="regression" (--task regression) if they are amounts' if amounts else "choose another label"
        raise DataError(
            f"expected several samples of each class, got {counted(classes, 'class')} in column {index} "
            f"({file.names[index]}) of {counted(len(labels), 'sample')}; {hint}, "
            'or task="classification" to train on them as they are'
        )


def _amounts(file: TextFile, indices: Sequence[int]) -> Floats:
    """Return columns of numbers as float64, shape ``(samples, columns)``."""
    amounts = np.empty((len(file), len(indices)))
    for at, index in enumerate(indices):
        numbers = [file.number(cell) for cell in file.column(index)]
        for row, number in enumerate(numbers):
            if number is None or not abs(number) <= _LARGEST:
                raise _not_a_number(file, row, index)
        amounts[:, at] = numbers
    return amounts


def _is_whole(cell: str) -> bool:
    try:
        int(cell)
    except ValueError:
        return False
    return "_" not in cell
