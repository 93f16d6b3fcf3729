"""Data frames as tables, whatever library they are of: pandas, polars, pyarrow and others that narwhals understands.

narwhals gives all of them one face and imports none of them; scikit-learn needs it too, so it is no weight.
"""

from __future__ import annotations

from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import shortened
from annex_actors.data.tables.columns import Table
from annex_actors.data.tables.guards import damaged
from annex_actors.data.tables.typed import typed_table


def table_of(frame: Any) -> Table:
    """Return the table in a data frame of pandas, polars, pyarrow or another library that narwhals understands.

    Its types stay: numbers, truth values and dates (in UTC) are that, categories and text are text. The index of a
    pandas frame is left out: ``frame.reset_index()`` makes a column of it.

    Args:
        frame: in memory; a table is returned as it is.

    Raises:
        ConfigError: no data frame, or one that is computed only when it is asked for, as those of dask are.
        DataError: no rows, names that are there twice, or a column of lists, records, bytes or mixed values.
    """
    return as_table("frame", frame)


def as_table(setting: str, frame: Any) -> Table:
    """Return the table in a data frame, or a table as it is; for errors, which name ``setting``, see `table_of`."""
    if isinstance(frame, Table):
        return frame
    import narwhals as nw
    import pyarrow as pa

    with damaged("a data frame of columns of different names", "rename them"):
        given = nw.from_native(frame, pass_through=True)
    if isinstance(given, nw.LazyFrame):
        raise ConfigError(
            f"expected `{setting}` to be a data frame in memory, got {shown(frame)}; "
            "call its compute() or collect() first"
        )
    if not isinstance(given, nw.DataFrame):
        raise ConfigError(
            f"expected `{setting}` to be a data frame, such as one of pandas or polars, got {shown(frame)}; "
            "Dataset.from_arrays takes arrays"
        )
    names = [checks.text("name of a column", str(name)) for name in given.columns]
    cells = [_column(name, series) for name, series in zip(names, given.iter_columns(), strict=True)]
    return typed_table(pa.Table.from_arrays(cells, names), f"a data frame of {given.implementation}")


def _column(name: str, series: Any) -> Any:
    import pyarrow as pa

    try:
        return series.to_arrow()
    except UnicodeEncodeError as error:
        cell = shown(error.object)
        raise DataError(
            f"expected text that UTF-8 can hold in column {shortened(name)}, got {cell}; correct the cell"
        ) from error
    except pa.ArrowException as error:
        raise DataError(
            f"expected cells of one type in column {shortened(name)}, got: {shortened(error, 200)}; convert the column"
        ) from error
