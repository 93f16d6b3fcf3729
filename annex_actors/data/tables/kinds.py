"""Find out what the cells of a column are: numbers, truth values, dates or text, from how all of them are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from annex_actors.base.types import Array
from annex_actors.data.tables.columns import Column, Form, Kind

MISSING = ("", "na", "n/a", "nan", "null", "?", "-")
"""How a cell is written, in small letters, that holds nothing."""

_TRUTH = (("false", "true"), ("no", "yes"))
_DATES = ("%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_SENTENCE = 3.0
"""Words of a cell, on average, from which a text is sentences."""

EXACT = 2.0**53
"""Whole numbers below it are floats exactly."""


def number_of(cell: str, *, decimal_comma: bool = False) -> float | None:
    """Return the number that a cell holds, NaN for ``nan``; None if it holds no number.

    Args:
        cell: as it is written.
        decimal_comma: whether ``1,5`` is a number too.
    """
    text = cell.strip()
    if decimal_comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def are_sentences(cells: Sequence[str]) -> bool:
    """Return whether texts, at least one, are sentences, and so neither categories nor names of rows."""
    return sum(len(cell.split()) for cell in cells) >= _SENTENCE * len(cells)


def is_value(cell: str, *, decimal_comma: bool = False) -> bool:
    """Return whether a cell holds a number or a date, and so cannot be the name of most columns."""
    if number_of(cell, decimal_comma=decimal_comma) is not None:
        return True
    if not cell.strip()[:1].isdigit():
        return False
    import pyarrow as pa

    return _dates(pa.array([cell.strip()])) is not None


def column_of(name: str, cells: Any, *, decimal_comma: bool = False, form: Form | None = None) -> Column:
    """Return a column of the kind that all of its cells have.

    Args:
        name: its name.
        cells: pyarrow's array of strings, without spaces around them; null where one is missing.
        decimal_comma: whether ``1,5`` is a number too.
        form: what the cells were before: text stays text, such as ``007``, and dates keep their format.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    is_text = form is not None and form.kind is Kind.TEXT
    whole = None if is_text else _plain(cells)
    if whole is not None:  # most columns: no second look at their text
        return Column(name, _kind_of(whole, cells), whole)
    missing = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(MISSING))
    # In pyarrow 17 to 22 `if_else` spoils the cells of a slice.
    known = pc.replace_with_mask(cells, missing, pa.scalar(None, pa.string()))
    numbers = None if is_text else _numbers(known, decimal_comma)
    if numbers is not None:
        return Column(name, _kind_of(numbers, known), numbers)
    found = None if is_text else _truth(name, known) or moments(name, known, form)
    return found or Column(name, Kind.TEXT, _objects(known))


def _plain(cells: Any) -> Array | None:
    """Return the numbers, if every cell holds one."""
    import pyarrow as pa

    try:
        numbers = _array(cells.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None
    return None if np.isnan(numbers).any() else numbers


def _numbers(known: Any, decimal_comma: bool) -> Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return _array(known.cast(pa.float64()))
    except pa.ArrowInvalid:
        if not decimal_comma:
            return None
    with_point = pc.replace_substring(known, ",", ".", max_replacements=1)
    is_plain = pc.invert(pc.match_substring(known, "."))
    try:
        return _array(with_point.cast(pa.float64())) if pc.all(is_plain).as_py() else None
    except pa.ArrowInvalid:
        return None


def _kind_of(numbers: Array, known: Any) -> Kind:
    import pyarrow as pa

    known_numbers = numbers[~np.isnan(numbers)]
    if not ((np.abs(known_numbers) < EXACT) & (np.rint(known_numbers) == known_numbers)).all():
        return Kind.NUMBER
    try:
        known.cast(pa.int64())
    except pa.ArrowInvalid:
        return Kind.NUMBER
    return Kind.NUMBER if known.null_count == len(known) else Kind.INTEGER


def _truth(name: str, known: Any) -> Column | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    lower = pc.utf8_lower(known)
    words = pc.unique(lower).drop_null().to_pylist()
    pair = next((each for each in _TRUTH if {*words} <= {*each}), None)
    if pair is None:
        return None
    is_true = pc.equal(lower, pair[1])
    written = {word.lower(): word for word in pc.unique(known).drop_null().to_pylist()}
    return Column(
        name, Kind.BOOLEAN, _array(is_true.cast(pa.float64())), tuple(written.get(word, word) for word in pair)
    )


def moments(name: str, known: Any, form: Form | None = None) -> Column | None:
    """Return a column of dates if every cell holds one; None if not, or if all are missing.

    Args:
        name: its name.
        known: pyarrow's array of strings; null where one is missing.
        form: what the cells were before: text stays text, and dates keep their format.
    """
    if known.null_count == len(known) or (form is not None and form.kind is Kind.TEXT):
        return None
    formats = form.words if form is not None and form.kind is Kind.DATE and form.words else _DATES
    first = _dates(known.drop_null().slice(0, 100), formats)
    dates = first and _dates(known, formats)
    if not dates:
        return None
    found, words = dates
    return Column(name, Kind.DATE, np.array(found.to_numpy(zero_copy_only=False), "M8[us]"), words)


def _dates(known: Any, formats: Sequence[str] = _DATES) -> tuple[Any, tuple[str, ...]] | None:
    """Return the moments that cells hold, and their format unless it is ISO 8601.

    None if a cell holds none, or if day and month could be exchanged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.replace_substring_regex(known, "Z$", "").cast(pa.timestamp("us")), ()
    except pa.ArrowInvalid:
        pass
    read = {each: pc.strptime(known, format=each, unit="us", error_is_null=True) for each in formats}
    fitting = [(each, (name,)) for name, each in read.items() if each.null_count == known.null_count]
    return fitting[0] if len(fitting) == 1 else None


def _array(numbers: Any) -> Array:
    return np.array(numbers.to_numpy(zero_copy_only=False), np.float64)


def _objects(known: Any) -> Array:
    return np.array(known.to_numpy(zero_copy_only=False), object)
