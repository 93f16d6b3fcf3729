"""Find out what the cells of a column are: numbers, truth values, dates or text, from how all of them are written."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from annex_actors.base.types import Array
from annex_actors.data.tables.columns import Column, Kind

MISSING = ("", "na", "n/a", "nan", "null", "?", "-")
"""How a cell is written, in small letters, that holds nothing."""

_TRUTH = ({"true", "false"}, {"yes", "no"})
_TRUE = ("true", "yes")
_DATES = ("%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
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


def is_value(cell: str, *, decimal_comma: bool = False) -> bool:
    """Return whether a cell holds a number or a date, and so cannot be the name of most columns."""
    if number_of(cell, decimal_comma=decimal_comma) is not None:
        return True
    if not cell.strip()[:1].isdigit():
        return False
    import pyarrow as pa

    return _dates(pa.array([cell.strip()])) is not None


def column_of(name: str, cells: Any, *, decimal_comma: bool = False) -> Column:
    """Return a column of the kind that all of its cells have.

    Args:
        name: its name.
        cells: pyarrow's array of strings, without spaces around them; null where one is missing.
        decimal_comma: whether ``1,5`` is a number too.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = _plain(cells)
    if whole is not None:  # most columns: no second look at their text
        return Column(name, _kind_of(whole, cells), whole)
    missing = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(MISSING))
    known = pc.if_else(missing, pa.scalar(None, pa.string()), cells)
    numbers = _numbers(known, decimal_comma)
    if numbers is not None:
        return Column(name, _kind_of(numbers, known), numbers)
    return _truth(name, known) or moments(name, known) or Column(name, Kind.TEXT, _objects(known))


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
    words = set(pc.unique(lower).drop_null().to_pylist())
    if not any(words <= pair for pair in _TRUTH):
        return None
    is_true = pc.if_else(pc.is_null(lower), pa.scalar(None, pa.bool_()), pc.is_in(lower, value_set=pa.array(_TRUE)))
    return Column(name, Kind.BOOLEAN, _array(is_true.cast(pa.float64())))


def moments(name: str, known: Any) -> Column | None:
    """Return a column of dates if every cell holds one; None if not, or if all are missing.

    Args:
        name: its name.
        known: pyarrow's array of strings; null where one is missing.
    """
    if known.null_count == len(known):
        return None
    first = known.drop_null().slice(0, 100)
    dates = None if _dates(first) is None else _dates(known)
    return None if dates is None else Column(name, Kind.DATE, np.array(dates.to_numpy(zero_copy_only=False), "M8[us]"))


def _dates(known: Any) -> Any:
    """Return the moments that cells hold; None if one holds none, or if day and month could be exchanged."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.replace_substring_regex(known, "Z$", "").cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        pass
    read = [pc.strptime(known, format=each, unit="us", error_is_null=True) for each in _DATES]
    fitting = [each for each in read if each.null_count == known.null_count]
    return fitting[0] if len(fitting) == 1 else None


def _array(numbers: Any) -> Array:
    return np.array(numbers.to_numpy(zero_copy_only=False), np.float64)


def _objects(known: Any) -> Array:
    return np.array(known.to_numpy(zero_copy_only=False), object)
