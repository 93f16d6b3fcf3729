"""What the training rows of a column made of its transforms: a pure function from cells to numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.texts import shortened
from annex_actors.base.types import Array, Floats
from annex_actors.data.tables.columns import CellError, Column, Form, Kind
from annex_actors.data.transforms.block import Block, of_kind
from annex_actors.data.transforms.table import parse_transforms, text_of
from annex_actors.data.transforms.transform import OutOfFold, State, Transform


@dataclass(frozen=True, eq=False)
class Fitted:
    """The transforms of a column, and what each learned from the training rows.

    Args:
        column: the column's name.
        form: of its cells in training.
        transforms: in the order in which they are applied.
        states: of each transform.
        names: of the outputs.
        note: why these transforms, in a few words.
    """

    column: str
    form: Form
    transforms: tuple[Transform, ...]
    states: tuple[State, ...]
    names: tuple[str, ...]
    note: str

    def __repr__(self) -> str:
        return f"Fitted({self.description})"

    @property
    def description(self) -> str:
        """One line: the column, what it holds, what is done with it, and why."""
        return f"{shortened(self.column)} ({self.form.kind}) → {self.use}"

    @property
    def use(self) -> str:
        """What is done with the column, how many numbers that gives, and why."""
        outputs = "" if self.names == (self.column,) else f" ({len(self.names)})"
        note = f": {self.note}" if self.note else ""
        return f"{text_of(self.transforms)}{outputs}{note}"

    def apply(self, column: Column) -> NDArray[np.float32]:
        """Return the numbers of any rows of the column: float32, shape ``(rows, outputs)``.

        Raises:
            DataError: cells of another kind than in training, or numbers that are missing or not finite afterwards.
        """
        block = Block.of(of_kind(column, self.form.kind))
        for transform, state in zip(self.transforms, self.states, strict=True):
            block = transform.apply(state, block)
        return _floats(block)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return everything as settings, which JSON holds, and arrays by name; `from_state` is the inverse."""
        texts = [{k: list(v) for k, v in state.items() if isinstance(v, tuple)} for state in self.states]
        arrays = {
            f"{index}.{name}": value
            for index, state in enumerate(self.states)
            for name, value in state.items()
            if not isinstance(value, tuple)
        }
        settings = {
            "column": self.column,
            "kind": self.form.kind.value,
            "words": list(self.form.words),
            "transforms": text_of(self.transforms),
            "names": list(self.names),
            "note": self.note,
            "texts": texts,
        }
        return settings, arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, Array]) -> Fitted:
        """Return the value with this state.

        Raises:
            ConfigError: a transform that has no name here; register it first.
        """
        transforms = parse_transforms(settings["transforms"])
        states: list[dict[str, Any]] = [{k: tuple(v) for k, v in each.items()} for each in settings["texts"]]
        for name, value in arrays.items():
            index, _, key = name.partition(".")
            states[int(index)][key] = _frozen(value)
        return cls(
            settings["column"],
            Form(Kind(settings["kind"]), tuple(settings["words"])),
            transforms,
            tuple(states),
            tuple(settings["names"]),
            settings["note"],
        )


def fit(
    column: Column, transforms: tuple[Transform, ...], targets: Floats, note: str = ""
) -> tuple[Fitted, NDArray[np.float32]]:
    """Return the fitted transforms of a column, and the numbers to train on, shape ``(rows, outputs)``.

    Args:
        column: the training rows.
        transforms: in the order in which they are applied.
        targets: of the training rows; see `Transform.fit`.
        note: why these transforms.

    Raises:
        DataError: cells that a transform cannot take.
    """
    block, states = Block.of(column), []
    for transform in transforms:
        state = {name: _frozen(value) for name, value in transform.fit(block, targets).items()}
        states.append(state)
        if isinstance(transform, OutOfFold):
            block = transform.apply_out_of_fold(block, targets)
        else:
            block = transform.apply(state, block)
    trained_on = _floats(block)
    return Fitted(column.name, column.form, transforms, tuple(states), block.names, note), trained_on


def _floats(block: Block) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # reported below, with its row
        floats = np.ascontiguousarray(block.numbers("a network"), np.float32)
    bad = np.flatnonzero(~np.isfinite(floats).all(axis=1))
    if len(bad):
        got = "a missing cell" if block.missing[bad[0]].any() else "one that is not finite as float32"
        cure = "write impute before the other transforms" if block.missing[bad[0]].any() else "correct the cell"
        raise CellError("expected a number", int(bad[0]), f"{got}; {cure}")
    return floats


def _frozen(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    array = np.array(value, order="C")
    array.flags.writeable = False
    return array
