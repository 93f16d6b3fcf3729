"""The protocol of transforms: settings, what they learn from the training rows, and what they make of any rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from annex_actors.base.types import Array, Floats
from annex_actors.data.transforms.block import Block

State: TypeAlias = Mapping[str, "Array | tuple[str, ...]"]
"""What a transform learned from the training rows, by name: arrays, and tuples of text such as categories.

Nothing else, so that a file of arrays and one of text hold it exactly, and nothing that is read could run."""


@runtime_checkable
class Transform(Protocol):
    """Settings, and a pure function of them, of what was learned from the training rows, and of a column's cells.

    To write your own transform, make a frozen dataclass with these members, and register it with
    `register_transform`; `annex_actors.testing.check_transform` tests it. What is learned is given back by each call,
    so a transform never changes.
    """

    @property
    def name(self) -> str:
        """The transform's name, such as ``standardise``."""

    def spec(self) -> str:
        """Return the transform's text, such as ``one_hot:max_categories=20``."""

    def fit(self, block: Block, targets: Floats) -> State:
        """Return what is to be known of the training rows.

        Args:
            block: the training rows of the columns.
            targets: shape ``(rows, outputs)``: amounts, or 1 where the row is of the class, else 0; of two classes the
                second has the only column.

        Raises:
            DataError: cells that the transform cannot take.
        """

    def apply(self, state: State, block: Block) -> Block:
        """Return the transformed columns of any rows; ``state`` is what `fit` returned.

        Raises:
            DataError: cells that the transform cannot take.
        """


@runtime_checkable
class OutOfFold(Protocol):
    """A transform that makes something else of the training rows than `Transform.apply`, which knows their targets."""

    def apply_out_of_fold(self, block: Block, targets: Floats) -> Block:
        """Return the transformed training rows, each by a state that was fitted without it."""
