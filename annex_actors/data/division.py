"""Which rows of a table to train on, to validate on and to test on: at random, by groups, by time, or as it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.data.split import split_indices
from annex_actors.data.tables.columns import CellError, Column, Kind, Table, located

Rows: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.generic]

_PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
"""How a cell says to which part its row belongs, in small letters."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Indices of rows, in ascending order.

    Args:
        train: to train on.
        test: to test on; all rows to train on, if nothing was to be tested on.
        validation: to evaluate after every epoch; None: there are none.
    """

    train: Rows
    test: Rows
    validation: Rows | None


@dataclass(frozen=True)
class Division:
    """How to divide the rows of a table; without ``group``, ``time`` and ``split`` at random, with each class in both.

    Args:
        test_fraction: of all rows, in [0, 1); 0 tests on the training rows.
        validation: the fraction of the other rows to set apart for validation, in (0, 1); None: none.
        group: the column that tells groups of rows, such as the pictures of a person; a group is in one part only.
        time: the column by which rows are in order: the last ones are to test on, those before for validation.
        split: the column that says ``train``, ``test`` or ``validation``.
        seed: of all that is random, >= 0.

    Raises:
        ConfigError: a number out of range, or several columns to divide by.
    """

    test_fraction: float = 0.2
    validation: float | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        checks.real_number("test_fraction", self.test_fraction, at_least=0, below=1)
        checks.whole_number("seed", self.seed, at_least=0, below=2**64)
        if self.validation is not None:
            checks.real_number("validation", self.validation, above=0, below=1)
        for name, column in self._given.items():
            checks.text(name, column, wanted="a column's name")
        if len(self._given) > 1:
            raise ConfigError(f"expected one column to divide rows by, got {listed(self._given)}; choose one")

    @property
    def _given(self) -> dict[str, str]:
        columns = {"group": self.group, "time": self.time, "split": self.split}
        return {name: column for name, column in columns.items() if column is not None}

    @property
    def columns(self) -> dict[str, str]:
        """The column that rows are divided by, which teaches nothing, and why: at most one."""
        return {column: f"divides the rows by {name}" for name, column in self._given.items()}

    @property
    def description(self) -> str:
        """A few words: how rows are divided."""
        by = [f"by {name} in column {shortened(column)}" for name, column in self._given.items()]
        return " ".join(["split", *by, *([] if self.time or self.split else [f"seed {self.seed}"])])

    def parts(self, table: Table, labels: NDArray[np.int64] | None) -> Parts:
        """Return the rows of each part.

        Args:
            table: with all rows.
            labels: the class of each row; None for regression.

        Raises:
            DataError: an unknown column, a cell that says nothing, or too few rows or groups to divide.
        """
        for name, column in self._given.items():
            if column not in table:
                hint = checks.did_you_mean(column, table.names)
                raise DataError(f"expected `{name}` to be one of {listed(table.names)}, got {shown(column)}{hint}")
        keys = self._keys(table)
        everything = np.arange(len(table))
        if self.split is not None:
            train, test, validation = (np.flatnonzero(keys == part) for part in ("train", "test", "validation"))
            if not len(train) or not len(test):
                raise DataError(f"expected rows to train and to test on in column {shortened(self.split)}, got none")
            if len(validation):
                return Parts(train, test, validation)
            keys = None
        else:
            train, test = self._cut(everything, labels, keys, self.test_fraction, 0)
        if self.validation is None:
            return Parts(train, test, None)
        rest, validation = self._cut(train, labels, keys, self.validation, 1)
        return Parts(rest, rest if test is train else test, validation)

    def _keys(self, table: Table) -> Keys | None:
        """Return for each row its group, its time, or its part; None if rows are divided at random."""
        for column in self._given.values():
            with located(table, column):
                return self._key(table[column])
        return None

    def _key(self, column: Column) -> Keys:
        if (missing := np.flatnonzero(column.missing)).size:
            raise CellError("expected a cell to divide rows by", int(missing[0]), "a missing one; fill it in")
        if self.time is not None:
            if column.kind is Kind.TEXT:
                raise CellError("expected a date or a number", 0, f"{shown(column.values[0])}; write 2025-01-31")
            return column.values
        if self.group is not None:
            values = column.values.astype(str) if column.kind is Kind.TEXT else column.values
            return np.unique(values, return_inverse=True)[1]
        parts = [_PARTS.get(str(cell).lower(), "") for cell in column.values]
        if "" in parts:
            row = parts.index("")
            raise CellError("expected train, test or validation", row, f"{shown(column.values[row])}; correct it")
        return np.array(parts)

    def _cut(
        self, rows: Rows, labels: NDArray[np.int64] | None, keys: Keys | None, fraction: float, number: int
    ) -> tuple[Rows, Rows]:
        """Return the rows without a fraction of them, and that fraction."""
        if fraction == 0:
            return rows, rows
        if keys is None:
            own = None if labels is None else labels[rows]
            rest, first = split_indices(len(rows), own, test_fraction=fraction, seed=self.seed, number=number)
            return rows[rest], rows[first]
        own_keys = keys[rows]
        is_first = _last(own_keys, fraction) if self.time is not None else self._groups(own_keys, fraction, number)
        return rows[~is_first], rows[is_first]

    def _groups(self, keys: Keys, fraction: float, number: int) -> NDArray[np.bool_]:
        """Return whether each row is of one of the groups, drawn at random, that have about a fraction of the rows."""
        groups, counts = np.unique(keys, return_counts=True)
        if len(groups) < 2:
            raise DataError(f"expected at least 2 groups in column {shortened(self.group)}, got 1; divide at random")
        drawn = RandomKey(self.seed, step=number).generator(Tag.SPLIT).permutation(len(groups))
        sizes = np.cumsum(counts[drawn])[:-1]
        taken = int(np.argmin(np.abs(sizes - fraction * len(keys)))) + 1
        return np.isin(keys, groups[drawn[:taken]])


def _last(keys: Keys, fraction: float) -> NDArray[np.bool_]:
    """Return whether each row is among the last by its key; rows of one key are in the order of the table."""
    count = min(max(round(len(keys) * fraction), 1), len(keys) - 1)
    if not count:
        raise DataError("expected at least 2 rows to divide, got 1; test_fraction=0 tests on the training rows")
    is_last = np.zeros(len(keys), np.bool_)
    is_last[np.argsort(keys, kind="stable")[len(keys) - count :]] = True
    return is_last
