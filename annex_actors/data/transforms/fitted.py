"""What the training rows of columns made of their transforms: a pure function from cells to numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.texts import listed
from annex_actors.base.types import Array, Floats
from annex_actors.data.tables.columns import CellError, Column, Form, Kind
from annex_actors.data.transforms.block import Block, first_mark, kind_of, of_form
from annex_actors.data.transforms.table import parse_transforms, text_of
from annex_actors.data.transforms.transform import OutOfFold, State, Transform


@dataclass(frozen=True, eq=False)
class Fitted:
    """The transforms of a column, or of several together, and what each learned from the training rows.

    Args:
        columns: their names.
        forms: of the cells of each in training.
        transforms: in the order in which they are applied.
        states: of each transform.
        names: of the outputs.
        note: why these transforms, in a few words.
    """

    columns: tuple[str, ...]
    forms: tuple[Form, ...]
    transforms: tuple[Transform, ...]
    states: tuple[State, ...]
    names: tuple[str, ...]
    note: str

    def __repr__(self) -> str:
        return f"Fitted({self.description})"

    @property
    def kind(self) -> Kind:
        """The kind of the columns together."""
        return kind_of(self.columns, [form.kind for form in self.forms])

    @property
    def description(self) -> str:
        """One line: the columns, what they hold, what is done with them, and why."""
        return f"{listed(self.columns)} ({self.kind}) → {self.use}"

    @property
    def use(self) -> str:
        """What is done with the columns, how many numbers that gives, and why."""
        outputs = "" if self.names == self.columns else f" ({len(self.names)})"
        note = f": {self.note}" if self.note else ""
        return f"{text_of(self.transforms)}{outputs}{note}"

    def apply(self, *columns: Column) -> NDArray[np.float32]:
        """Return the numbers of any rows of the columns: float32, shape ``(rows, outputs)``.

        Args:
            columns: one for each name in `columns`, in that order.

        Raises:
            DataError: cells of another kind than in training, or numbers that are missing or not finite afterwards.
        """
        forms = zip(columns, self.forms, strict=True)
        block = Block.of(*(of_form(column, form) for column, form in forms))
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
            "columns": list(self.columns),
            "kinds": [form.kind.value for form in self.forms],
            "words": [list(form.words) for form in self.forms],
            "transforms": text_of(self.transforms),
            "names": list(self.names),
            "note": self.note,
            "texts": texts,
        }
        return settings, arrays

    @classmethod
    def from_state(
        cls,
        settings: Mapping[str, Any],
        arrays: Mapping[str, Array],
        parse: Callable[[str], tuple[Transform, ...]] = parse_transforms,
    ) -> Fitted:
        """Return the value with this state.

        Args:
            settings: the first that `state` returns.
            arrays: the second.
            parse: returns the transforms that a text describes.

        Raises:
            ConfigError: a transform that has no name here; register it first.
        """
        states: list[dict[str, Any]] = [{k: tuple(v) for k, v in each.items()} for each in settings["texts"]]
        for name, value in arrays.items():
            index, _, key = name.partition(".")
            states[int(index)][key] = _frozen(value)
        forms = zip(settings["kinds"], settings["words"], strict=True)
        return cls(
            tuple(settings["columns"]),
            tuple(Form(Kind(kind), tuple(words)) for kind, words in forms),
            parse(settings["transforms"]),
            tuple(states),
            tuple(settings["names"]),
            settings["note"],
        )


def fit(
    columns: Sequence[Column], transforms: tuple[Transform, ...], targets: Floats, note: str = ""
) -> tuple[Fitted, NDArray[np.float32]]:
    """Return the fitted transforms of columns, and the numbers to train on, shape ``(rows, outputs)``.

    Args:
        columns: the training rows of one column, or of several of one kind, which are transformed together.
        transforms: in the order in which they are applied.
        targets: of the training rows; see `Transform.fit`.
        note: why these transforms.

    Raises:
        DataError: columns of several kinds, or cells that a transform cannot take.
    """
    block, states = Block.of(*columns), []
    for transform in transforms:
        state = {name: _frozen(value) for name, value in transform.fit(block, targets).items()}
        states.append(state)
        if isinstance(transform, OutOfFold):
            block = transform.apply_out_of_fold(block, targets)
        else:
            block = transform.apply(state, block)
    trained_on = _floats(block)
    names, forms = tuple(each.name for each in columns), tuple(each.form for each in columns)
    return Fitted(names, forms, transforms, tuple(states), block.names, note), trained_on


def _floats(block: Block) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # reported below, with its row
        floats = np.ascontiguousarray(block.numbers("a network"), np.float32)
    place = first_mark(~np.isfinite(floats))
    if place is not None:
        is_missing = np.isnan(floats[place])
        got = "a missing cell" if is_missing else "one that is not finite as float32"
        cure = "write impute before the other transforms" if is_missing else "correct the cell"
        raise CellError("expected a number", place[0], f"{got}; {cure}", column=block.names[place[1]])
    return floats


def _frozen(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    array = np.array(value, order="C")
    array.flags.writeable = False
    return array
