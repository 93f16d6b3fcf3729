"""Fill in missing cells, and say where they were."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import DataError
from annex_actors.base.texts import shortened
from annex_actors.base.types import Floats
from annex_actors.data.tables.columns import Kind
from annex_actors.data.transforms.block import Block, numbers
from annex_actors.data.transforms.transform import State


class Strategy(StrEnum):
    """What fills a missing cell."""

    MEDIAN = "median"
    MEAN = "mean"
    MOST_FREQUENT = "most_frequent"


@dataclass(frozen=True)
class Impute:
    """Replace a missing cell by the median, mean or most frequent value of the training rows.

    Text takes ``most_frequent`` only, and has no indicator; `one_hot` gives missing text a column by itself.

    Args:
        strategy: ``median``, ``mean`` or ``most_frequent``.
        indicator: whether each column with missing training cells gets another one, 1 where the cell is missing.
    """

    strategy: Strategy = Strategy.MEDIAN
    indicator: bool = True

    def __post_init__(self) -> None:
        checks.keep(self, strategy=checks.member("strategy", self.strategy, Strategy))
        checks.keep(self, indicator=checks.boolean("indicator", self.indicator))

    @property
    def name(self) -> str:
        """The transform's name."""
        return "impute"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("impute", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return what fills each column, and whether each gets an indicator.

        Raises:
            DataError: a column without any cell, or text with another strategy.
        """
        empty = np.flatnonzero(block.missing.all(axis=0))
        if len(empty):
            name = shortened(block.names[empty[0]])
            raise DataError(f"expected a cell in column {name}, got missing ones only; drop the column")
        if block.kind is Kind.TEXT:
            return {"text": (self._most_frequent(block),)}
        from sklearn.impute import SimpleImputer

        values = block.numbers(f"impute:{self.strategy}")
        fitted = SimpleImputer(strategy=self.strategy.value).fit(values)
        marked = block.missing.any(axis=0) & self.indicator
        return {"fill": fitted.statistics_.astype(np.float64), "marked": marked.astype(np.uint8)}

    def apply(self, state: State, block: Block) -> Block:
        """Return the columns without missing cells, then the indicators."""
        missing, known = block.missing, dict[str, Any](state)
        if "text" in known:
            return Block(block.names, block.kind, np.where(missing, known["text"][0], block.values).astype(object))
        filled = np.where(missing, known["fill"], block.numbers("impute"))
        marked = np.flatnonzero(known["marked"])
        names = [*block.names, *(f"{block.names[index]} is missing" for index in marked)]
        return numbers(names, np.hstack([filled, missing[:, marked]]))

    def _most_frequent(self, block: Block) -> str:
        if self.strategy is not Strategy.MOST_FREQUENT:
            raise DataError(
                f"expected numbers for impute:{self.strategy} in column {block.named}, got a text; "
                "write impute:most_frequent"
            )
        counts = Counter(word for word in block.words("impute") if word is not None)
        return min(counts, key=lambda word: (-counts[word], word))
