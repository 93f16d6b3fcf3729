"""What is done with a column of which nothing was said: by its kind, and by what its training rows hold.

Thresholds are rules of thumb, here in one place; a text for the column says otherwise.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from annex_actors.base.words import counted
from annex_actors.data.tables.columns import Column, Kind
from annex_actors.data.tables.kinds import are_sentences

FEW = 20
"""Different texts that still get a column each."""

_OWN = 0.9
"""The share of cells with a text of their own from which a text names rows: a mean of one row teaches nothing."""

_TAIL = 10.0
"""How many times farther than the smallest value the largest is from the median where a tail is long."""


def default(column: Column) -> tuple[str, str]:
    """Return the transforms of a column by its training rows, as text, and the reason in a few words."""
    missing = column.missing
    known = column.values[~missing]
    if not len(known):
        return "drop", "no cell"
    if not missing.any() and bool((known == known[0]).all()):
        return "drop", "the same cell in every row"
    if column.kind is Kind.TEXT:
        return _text(known.tolist())
    if column.kind is Kind.DATE:
        return "date_parts impute standardise", "the parts that differ"
    if column.kind is Kind.BOOLEAN:
        return "impute standardise", ""
    if column.kind is Kind.INTEGER and _is_counter(column):
        return "drop", "a counter of the rows"
    return _numbers(column)


def _numbers(column: Column) -> tuple[str, str]:
    known = column.values[~column.missing]
    middle, least, most = float(np.median(known)), float(known.min()), float(known.max())
    if least >= 0 and most - middle > _TAIL * (middle - least):
        return "impute log standardise", "a long tail"
    return "impute standardise", ""


def _text(cells: list[str]) -> tuple[str, str]:
    counts = Counter(cells)
    distinct = len(counts)
    if distinct <= FEW:
        return "one_hot", ""
    if are_sentences(cells):
        return "bag_of_words", "sentences"
    if distinct == len(cells):
        return "drop", "an identifier: each row has its own"
    if sum(count == 1 for count in counts.values()) >= _OWN * len(cells):
        return "drop", "almost an identifier: nearly each row has its own"
    return "target_mean standardise", counted(distinct, "category", "categories")


def _is_counter(column: Column) -> bool:
    """Return whether whole numbers count the rows, as an index does; the training rows are a part of them."""
    values, rows = column.values, len(column)
    if rows <= FEW or column.missing.any() or not (np.diff(values) > 0).all():
        return False
    return bool(0 <= values[0] <= FEW and values[-1] <= 3 * rows)
