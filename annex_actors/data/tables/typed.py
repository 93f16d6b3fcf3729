"""Columns whose types a file or a data frame says: what it says that its cells are, they are.

Text stays text, even where each cell of it holds a number: postal codes and telephone numbers are such text. JSON and
SQLite have no type for dates, so there a column of text that holds dates only is one of dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.texts import shortened
from annex_actors.base.types import Array
from annex_actors.data.tables.columns import Column, Form, Kind, Table
from annex_actors.data.tables.guards import check_fits, damaged
from annex_actors.data.tables.kinds import EXACT, moments
from annex_actors.data.tables.names import different, source_of

INDEX = re.compile(r"__index_level_\d+__")
"""How pandas names a column of a file that held the numbers of the rows."""

_PARTS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Parts of a second."""


def typed_table(
    found: Any,
    source: str,
    *,
    locate: Callable[[int], str] | None = None,
    forms: Mapping[str, Form] | None = None,
) -> Table:
    """Return our table of one of pyarrow.

    Whole numbers, decimals and floats are numbers, durations and times of day are numbers of seconds, moments are in
    UTC, categories are text.

    Args:
        found: pyarrow's table.
        source: where it came from.
        locate: returns where a row is in its file; see `Table`.
        forms: where text may hold dates: how the cells of columns are written that were read before, by name. None:
            text is text.

    Raises:
        DataError: nothing in it, more than fits into memory, or a column of lists, records or bytes.
    """
    kept = [index for index, name in enumerate(found.column_names) if not INDEX.fullmatch(name)]
    check_fits(len(found), len(kept))
    check_types(found.schema)
    header = [found.column_names[index] for index in kept]
    names = different(header)
    columns = tuple(
        _dates(name, found.column(index), forms) or _column(name, found.column(index))
        for name, index in zip(names, kept, strict=True)
    )
    return Table(columns, source_of(source, header, names), locate)


def _dates(name: str, cells: Any, forms: Mapping[str, Form] | None) -> Column | None:
    """Return a column of dates, if these cells are text and may be dates."""
    import pyarrow as pa

    if forms is None or cells.type != pa.string():
        return None
    return moments(name, cells.combine_chunks(), forms.get(name))


def check_types(schema: Any) -> None:
    """Raise DataError for a column of something else than cells, such as lists; ask before a file is read."""
    from pyarrow import types

    for field in schema:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        if not any(is_one(kind) for is_one in _plain_types()):
            raise DataError(
                f"expected numbers, truth values, dates or text, got {shortened(field.type)} in column "
                f"{shortened(field.name)}; leave it out, or make columns of its parts"
            )


def _plain_types() -> tuple[Callable[[Any], bool], ...]:
    from pyarrow import types

    numbers = types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_decimal
    times = types.is_date, types.is_timestamp, types.is_duration, types.is_time
    return *numbers, *times, types.is_string, types.is_large_string, types.is_string_view


def _column(name: str, cells: Any) -> Column:
    from pyarrow import types

    kind = cells.type
    with damaged(f"cells of the type that their column {shortened(name)} has"):
        if types.is_integer(kind) or (types.is_decimal(kind) and kind.scale <= 0):
            return _whole(name, _floats(cells))
        if types.is_null(kind) or types.is_floating(kind) or types.is_decimal(kind):
            return Column(name, Kind.NUMBER, _floats(cells))
        if types.is_boolean(kind):
            return Column(name, Kind.BOOLEAN, _floats(cells))
        if types.is_date(kind) or types.is_timestamp(kind):
            return Column(name, Kind.DATE, _moments(cells))
        if types.is_duration(kind) or types.is_time(kind):
            return Column(name, Kind.NUMBER, _seconds(cells))
        return Column(name, Kind.TEXT, _objects(cells))


def _floats(cells: Any) -> Array:
    import pyarrow as pa

    return np.array(cells.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _whole(name: str, numbers: Array) -> Column:
    known = numbers[~np.isnan(numbers)]
    return Column(name, Kind.INTEGER if (np.abs(known) < EXACT).all() else Kind.NUMBER, numbers)


def _moments(cells: Any) -> Array:
    import pyarrow as pa

    is_fine = pa.types.is_timestamp(cells.type) and cells.type.unit == "ns"
    return np.array(cells.cast(pa.timestamp("us"), safe=not is_fine).to_numpy(), "M8[us]")


def _seconds(cells: Any) -> Array:
    import pyarrow as pa

    numbers = cells.cast(pa.int32() if pa.types.is_time32(cells.type) else pa.int64())
    seconds: Array = _floats(numbers) / _PARTS[cells.type.unit]
    return seconds


def _objects(cells: Any) -> Array:
    """Return text, one object for all cells with the same."""
    parts = [_words(chunk) for chunk in cells.chunks]
    return np.concatenate(parts) if parts else np.empty(0, object)


def _words(cells: Any) -> Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    words = [*coded.dictionary.cast(pa.large_string()).to_pylist(), None]
    codes = pc.fill_null(coded.indices.cast(pa.int64()), len(words) - 1)
    found: Array = np.array(words, object)[codes.to_numpy()]
    return found
