"""Rows as JSON has them, an object for each, as a table: what a web request holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import is_unicode, shortened
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.kinds import column_of


def table_of_records(rows: Sequence[Mapping[str, Any]], forms: Mapping[str, Form]) -> Table:
    """Return a table of rows: a column for each name that any of them has, whose cell is missing in the others.

    Args:
        rows: at least one; values are numbers, truth values, text or None.
        forms: how the cells of known columns are written, by name.

    Raises:
        DataError: no rows, or a value of another kind.
    """
    import pyarrow as pa

    if not rows:
        raise DataError("expected at least 1 row, got none")
    names = dict.fromkeys(name for row in rows for name in row)
    cells = {name: [_written(row.get(name), index, name) for index, row in enumerate(rows)] for name in names}
    columns = [column_of(name, pa.array(each, pa.string()), form=forms.get(name)) for name, each in cells.items()]
    return Table(tuple(columns), "rows in memory")


def _written(value: object, row: int, name: str) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or (isinstance(value, str) and is_unicode(value)):
        return value
    if isinstance(value, int | float):
        return repr(value)
    where = f"row {row}, column {shortened(name)}"
    raise DataError(f"expected a number, a truth value or text in {where}, got {shown(value)}; correct it")
