"""A table that stays in its Parquet file: a column is read whenever it is asked for, and not kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import DataError
from annex_actors.base.files import open_file, reading
from annex_actors.base.texts import listed
from annex_actors.data.sources.version import Version
from annex_actors.data.tables.columns import Column, Table, row_indices
from annex_actors.data.tables.guards import check_fits, damaged
from annex_actors.data.tables.names import different
from annex_actors.data.tables.typed import INDEX, check_types, typed_table

_NO_LIMIT = 2**62


class ParquetTable(Table):
    """The rows of a Parquet file that is larger than memory, of which each column fits into it.

    Args:
        path: the file.

    Raises:
        DataError: no such file, a damaged one, or one with columns that are no cells.
    """

    def __init__(self, path: Path) -> None:
        with reading(path), open_file(path, limit=_NO_LIMIT) as stream, damaged("a whole Parquet file"):
            version = Version.of(os.fstat(stream.fileno()))
            with _opened(stream) as file:
                check_types(file.schema_arrow)
                count = file.metadata.num_rows
                check_fits(count, 1)
                names = tuple(name for name in file.schema_arrow.names if not INDEX.fullmatch(name))
        if different(names) != names:
            raise DataError(f"{path}: expected columns with a name of their own each, got {listed(names)}; rename them")
        self.__dict__.update(names=names, source=str(path), locate=None)
        self.__dict__.update(_path=path, _version=version, _count=count, _rows=None)

    _path: Path
    _version: Version
    _count: int
    _rows: NDArray[np.int64] | None

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in memory."""
        return tuple(self)

    def __len__(self) -> int:
        return self._count if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[Column]:
        return (self[name] for name in self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Column:
        """Read a column.

        Raises:
            DataError: the file has changed or cannot be read.
        """
        with reading(self._path), open_file(self._path, limit=_NO_LIMIT) as stream:
            with damaged("a whole Parquet file"), _opened(stream) as file:
                found = file.read(columns=[name], use_threads=False)
            self._version.check(Version.of(os.fstat(stream.fileno())))
            [column] = typed_table(found, self.source).columns
        return column if self._rows is None else column.rows(self._rows)

    def rows(self, rows: NDArray[np.int64]) -> Table:
        """Return a table of these rows, which stays in the file, too."""
        chosen, table = row_indices(rows, len(self)), object.__new__(ParquetTable)
        found = chosen if self._rows is None else self._rows[chosen]
        table.__dict__.update(self.__dict__, _rows=found, locate=lambda row: f"row {int(found[row])}")
        return table


def _opened(stream: Any) -> Any:
    """Return the file with columns of text as codes of their words: a small file may repeat a long word without end."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(stream) as file:
        texts = [field.name for field in file.schema_arrow if str(field.type).endswith("string")]
    return pq.ParquetFile(stream, read_dictionary=texts)
