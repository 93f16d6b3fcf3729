"""What training would make of the columns of a table, from a sample of its rows where there are many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from annex_actors.data.tables.columns import Column, Table
from annex_actors.data.transforms.block import NUMBERS
from annex_actors.data.transforms.preparation import Preparation, check_numbers, prepare, side_by_side, with_defaults
from annex_actors.data.transforms.target import Target

SAMPLE = 10_000
"""Rows that transforms are fitted on."""


def preview(table: Table, labels: Sequence[str]) -> Preparation:
    """Return a preparation that says what training would do with each column.

    All rows decide which transforms that is. They are fitted on a sample, in which a rare category may be missing.

    Args:
        table: at least one row.
        labels: the columns to predict.

    Raises:
        DataError: what `Preparation.fit` would refuse.
    """
    target = Target.fit(table, labels, np.arange(len(table)), None)
    check_numbers(table, labels, {})
    decided = {
        tuple(column.name for column in columns): (steps, note)
        for columns, steps, note in with_defaults(table, labels, {})
    }
    return prepare(table, target, _sample(table), decided, side_by_side)[0]


def _sample(table: Table) -> NDArray[np.int64]:
    """Return all rows, or many at equal distances and those with the largest numbers, which may be infinite."""
    if len(table) <= SAMPLE:
        return np.arange(len(table))
    spaced = np.linspace(0, len(table) - 1, SAMPLE).astype(np.int64)
    largest = [_largest(column) for column in table if column.kind in NUMBERS]
    return np.unique(np.concatenate([spaced, np.array(largest, np.int64)]))


def _largest(column: Column) -> int:
    return int(np.argmax(np.where(column.missing, 0, np.abs(column.values))))
