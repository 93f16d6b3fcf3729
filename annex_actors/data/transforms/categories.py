"""Categories to numbers: one_hot, ordinal, target_mean.

Numbers, truth values and moments are categories, too, by their text. A category that no training row has is unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Array, Floats
from annex_actors.data.tables.columns import Kind
from annex_actors.data.transforms.block import Block, numbers
from annex_actors.data.transforms.transform import State

_OTHER, _MISSING = "other", "missing"


@dataclass(frozen=True)
class OneHot:
    """Give each category a column, 1 where the cell is of it, else 0.

    Of more categories than `max_categories`, the rarest share the column *other*, and so does an unknown category; if
    there is no such column, its row is all 0. Missing cells have a column if training rows have some, else a row of 0.

    Args:
        max_categories: the most columns, those for *other* and *missing* not counted, >= 1.
    """

    max_categories: int = 20

    def __post_init__(self) -> None:
        count = checks.whole_number("max_categories", self.max_categories, at_least=1, limit=10**6)
        checks.keep(self, max_categories=count)

    @property
    def name(self) -> str:
        """The transform's name."""
        return "one_hot"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("one_hot", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return the categories that have a column, in order, and which of *other* and *missing* there are."""
        counts = Counter(block.words("one_hot"))
        has_missing = bool(counts.pop(None, 0))
        order = categories_of(block)
        kept = set(sorted(order, key=lambda word: -counts[word])[: self.max_categories])
        extra = [_OTHER] * (len(order) > len(kept)) + [_MISSING] * has_missing
        return {"categories": tuple(word for word in order if word in kept), "extra": tuple(extra)}

    def apply(self, state: State, block: Block) -> Block:
        """Return the columns of 0 and 1."""
        known = dict[str, Any](state)
        categories, extra = known["categories"], known["extra"]
        place = {word: index for index, word in enumerate(categories)}
        shared = {word: len(categories) + index for index, word in enumerate(extra)}
        other, missing = shared.get(_OTHER, -1), shared.get(_MISSING, -1)
        words = block.words("one_hot")
        columns = np.array([missing if word is None else place.get(word, other) for word in words], np.int64)
        hot = np.zeros((len(words), len(categories) + len(extra)))
        rows = np.flatnonzero(columns >= 0)
        hot[rows, columns[rows]] = 1
        stem = block.names[0]
        names = [*(f"{stem} = {word}" for word in categories), *(f"{stem} is {word}" for word in extra)]
        return numbers(names, hot)


@dataclass(frozen=True)
class Ordinal:
    """Number the categories from 0 in their order: text by the alphabet, numbers by size.

    Missing cells and unknown categories are missing afterwards: ``ordinal impute:most_frequent`` fills them in.
    """

    @property
    def name(self) -> str:
        """The transform's name."""
        return "ordinal"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("ordinal", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return the categories in order."""
        return {"categories": tuple(categories_of(block))}

    def apply(self, state: State, block: Block) -> Block:
        """Return each cell's place among the categories."""
        codes = _codes(block, state).astype(np.float64)
        return numbers(block.names, np.where(codes < 0, np.nan, codes)[:, None])


@dataclass(frozen=True)
class TargetMean:
    """Replace a category by the mean of its training rows' targets, drawn towards the mean of all where rows are few.

    A class is as good as an amount: its mean is the share of rows that have it, a column for each class, and one for
    two classes. Unknown categories and missing cells get the mean of all, missing ones a mean of their own if training
    rows have some. A training row gets the means of the other folds, so that it never knows its own target.

    Args:
        folds: in how many parts the training rows are cut, >= 2.

    Source:
        Micci-Barreca (2001), A preprocessing scheme for high-cardinality categorical attributes.
    """

    folds: int = 5

    def __post_init__(self) -> None:
        checks.keep(self, folds=checks.whole_number("folds", self.folds, at_least=2, limit=1000))

    @property
    def name(self) -> str:
        """The transform's name."""
        return "target_mean"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("target_mean", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return the categories, their means, shape ``(categories, outputs)``, and the means of all rows."""
        categories = categories_of(block)
        state = {"categories": tuple(categories)}
        codes = _codes(block, state)
        means = [_means(codes, column, len(categories)) for column in np.asarray(targets, np.float64).T]
        return {**state, "means": np.stack(means, axis=1)}

    def apply(self, state: State, block: Block) -> Block:
        """Return the means of each cell's category, shape ``(rows, outputs)``."""
        known = dict[str, Any](state)
        count = len(known["categories"])
        missing = block.missing[:, 0]
        codes = np.where(missing, count, _codes(block, state))
        found = known["means"][np.where(codes < 0, count + 1, codes)]
        outputs = found.shape[1]
        ends = [""] if outputs == 1 else [f" {index}" for index in range(outputs)]
        return numbers([f"{block.names[0]} target mean{end}" for end in ends], found)

    def apply_out_of_fold(self, block: Block, targets: Floats) -> Block:
        """Return the means of the training rows, each of rows in other folds; a function of the rows alone."""
        folds = min(self.folds, len(block))
        if folds < 2:
            return self.apply(self.fit(block, targets), block)
        fold = RandomKey(0).generator(Tag.SPLIT).permutation(len(block)) % folds
        parts = [np.flatnonzero(fold == index) for index in range(folds)]
        made = [self._of_fold(block, targets, part, np.flatnonzero(fold != index)) for index, part in enumerate(parts)]
        rows = np.argsort(np.concatenate(parts))
        return numbers(made[0].names, np.concatenate([each.values for each in made])[rows])

    def _of_fold(self, block: Block, targets: Floats, part: NDArray[np.int64], rest: NDArray[np.int64]) -> Block:
        return self.apply(self.fit(block.rows(rest), targets[rest]), block.rows(part))


def categories_of(block: Block) -> list[str]:
    """Return the distinct cells as text, sorted: text by the alphabet, all else by value."""
    if block.kind is Kind.TEXT:
        return sorted({word for word in block.words("categories") if word is not None})
    known = np.unique(block.values[~block.missing])
    return [str(word) for word in Block(block.names, block.kind, known[:, None]).words("categories")]


def _codes(block: Block, state: State) -> NDArray[np.int64]:
    """Return the index of each cell's category; -1 for missing cells and unknown categories."""
    place: dict[Any, int] = {word: index for index, word in enumerate(state["categories"])}
    return np.array([place.get(word, -1) for word in block.words("categories")], np.int64)


def _means(codes: NDArray[np.int64], targets: Array, count: int) -> Array:
    """Return the mean of each category, then that of missing cells, then that of all rows; shape ``(count + 2,)``."""
    from sklearn.preprocessing import TargetEncoder

    means = np.full(count + 2, targets.mean())
    if np.ptp(targets) > 0:
        codes = np.where(codes < 0, count, codes)
        fitted = TargetEncoder(target_type="continuous").fit(codes[:, None], targets)
        means[fitted.categories_[0]] = fitted.encodings_[0]
    return means
