"""Parquet, Arrow and Feather: tables whose files say the type of each column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.files import memory, open_file
from annex_actors.base.words import counted
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.guards import check_fits, damaged
from annex_actors.data.tables.typed import check_types, typed_table

_OLD_FEATHER, _ARROW = b"FEA1", b"ARROW1"


def read_parquet(path: Path, forms: Mapping[str, Form]) -> Table:
    """Return the table in a Parquet file.

    Columns of text are read as codes of their distinct words: a small file may repeat a long word without end.

    Raises:
        OSError: the file cannot be read.
        DataError: a damaged file, or a table that `typed_table` refuses.
    """
    import pyarrow.parquet as pq

    with open_file(path) as stream, damaged("a whole Parquet file"):
        with pq.ParquetFile(stream) as file:
            check_fits(file.metadata.num_rows, file.metadata.num_columns)
            check_types(file.schema_arrow)
            texts = [field.name for field in file.schema_arrow if str(field.type).endswith("string")]
        with pq.ParquetFile(stream, read_dictionary=texts) as file:
            found = file.read(use_threads=False)
        found.validate(full=True)
        return typed_table(found, str(path))


def read_arrow(path: Path, forms: Mapping[str, Form]) -> Table:
    """Return the table in an Arrow file (Feather of version 2) or stream.

    Raises:
        OSError: the file cannot be read.
        DataError: a damaged file, one of Feather's version 1, or a table that `typed_table` refuses.
    """
    import pyarrow as pa

    with open_file(path) as stream, damaged("a whole Arrow or Feather file"):
        magic = stream.read(len(_ARROW))
        stream.seek(0)
        if magic.startswith(_OLD_FEATHER):
            raise DataError("expected an Arrow file, got Feather of version 1; save it as version 2 or as Parquet")
        opened = pa.ipc.open_file if magic == _ARROW else pa.ipc.open_stream
        with opened(stream) as reader:
            check_fits(1, len(reader.schema))
            check_types(reader.schema)
            found = reader.read_all()
        _check_views(found)
        found.validate(full=True)
        return typed_table(found, str(path))


def _check_views(found: Any) -> None:
    """Raise DataError if the cells of a column are more text than memory: many may view the same long word."""
    import pyarrow as pa

    for column in found.columns:
        if pa.types.is_string_view(column.type):
            views = [chunk.buffers()[1] for chunk in column.chunks]
            size = sum(int(np.frombuffer(each, np.int32)[::4].sum(dtype=np.int64)) for each in views)
            if size > memory():
                raise DataError(f"expected text that fits into memory, got {counted(size, 'byte')}; write fewer")
