"""Files of predictions: CSV, Parquet, JSON and JSON lines, written piece by piece, whole at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from annex_actors.base.errors import ConfigError
from annex_actors.base.files import writing
from annex_actors.base.shown import shown
from annex_actors.base.types import Array
from annex_actors.data.tables.columns import Column, Kind
from annex_actors.data.tables.kinds import number_of
from annex_actors.training.atomic_files import writing_whole

Columns: TypeAlias = Mapping[str, Array | Column]
"""Values of the same rows by the name of their column."""

Write: TypeAlias = Callable[[Columns], None]
"""Adds rows to a file."""

_ACTIVE = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would take for a formula."""


@contextmanager
def predictions_to(path: Path) -> Iterator[Write]:
    """Write a file of predictions in the block, by the ending of its name; an error in the block leaves none.

    Raises:
        ConfigError: another ending, or a file that cannot be written.
    """
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise ConfigError(f"expected a file that ends in {', '.join(ENDINGS)}, got {shown(path.name)}; rename it")
    with writing(path, "--out to be a file"), writing_whole(path) as file, form(file) as write:
        yield write


def beside(kept: Mapping[str, Column], predicted: Mapping[str, Array]) -> Columns:
    """Return the columns of a table and, after them, what was predicted of its rows.

    A prediction whose name a column of the table has is called ``predicted class`` instead of ``class``, so that
    nothing of the table is lost.
    """
    columns: dict[str, Array | Column] = dict(kept)
    for name, values in predicted.items():
        while name in columns:
            name = f"predicted {name}"
        columns[name] = values
    return columns


def _csv(file: BinaryIO) -> AbstractContextManager[Write]:
    from pyarrow.csv import CSVWriter

    return _by_batches(file, CSVWriter, is_csv=True)


def _parquet(file: BinaryIO) -> AbstractContextManager[Write]:
    from pyarrow.parquet import ParquetWriter

    return _by_batches(file, ParquetWriter, is_csv=False)


@contextmanager
def _by_batches(file: BinaryIO, opened: Callable[[BinaryIO, Any], Any], *, is_csv: bool) -> Iterator[Write]:
    """Write by one of pyarrow's writers, which is opened when the first rows say what the columns are."""
    writers: list[Any] = []

    def write(columns: Columns) -> None:
        named = {_harmless(name) if is_csv else name: values for name, values in columns.items()}
        batch = _batch(named, is_csv=is_csv)
        if not writers:
            writers.append(opened(file, batch.schema))
        writers[0].write_batch(batch)

    yield write
    for writer in writers:
        writer.close()


@contextmanager
def _json_lines(file: BinaryIO) -> Iterator[Write]:
    def write(columns: Columns) -> None:
        for row in _batch(columns).to_pylist():
            file.write(f"{_json_text(row)}\n".encode())

    yield write


@contextmanager
def _json(file: BinaryIO) -> Iterator[Write]:
    before = b"["

    def write(columns: Columns) -> None:
        nonlocal before
        for row in _batch(columns).to_pylist():
            file.write(before + b"\n" + _json_text(row).encode())
            before = b","

    yield write
    file.write((b"[" if before == b"[" else b"\n") + b"]\n")


_FORMS = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines, ".json": _json}

ENDINGS = tuple(_FORMS)
"""How the names of such files end."""


def _json_text(row: Mapping[str, Any]) -> str:
    return json.dumps(row, default=lambda moment: moment.isoformat(), ensure_ascii=False)


def _batch(columns: Columns, *, is_csv: bool = False) -> Any:
    import pyarrow as pa

    return pa.record_batch({name: _cells(values, is_csv) for name, values in columns.items()})


def _cells(values: Array | Column, is_csv: bool) -> Any:
    """Return pyarrow's array of the cells, null where one is missing."""
    import pyarrow as pa

    if not isinstance(values, Column):
        if values.dtype != object:
            return pa.array(values)
        values = Column("text", Kind.TEXT, values)
    if values.kind is Kind.TEXT or (is_csv and values.kind in (Kind.DATE, Kind.BOOLEAN)):
        return pa.array(_texts(values, is_csv), pa.string())
    types = {Kind.INTEGER: pa.int64(), Kind.BOOLEAN: pa.bool_(), Kind.DATE: pa.timestamp("us")}
    known = pa.array(values.values, mask=values.missing)
    return known.cast(types[values.kind]) if values.kind in types else known


def _texts(column: Column, is_csv: bool) -> list[str | None]:
    """Return the cells as text: truth values in their own words, dates as ISO 8601 writes them."""
    if column.kind is Kind.DATE:
        cells = np.datetime_as_string(column.values, unit="auto").tolist()
    elif column.kind is Kind.BOOLEAN:
        words = column.words or ("false", "true")
        cells = [words[int(cell == 1)] for cell in column.values]
    else:
        cells = [_harmless(cell) if is_csv and cell is not None else cell for cell in column.values]
    return [None if gone else cell for cell, gone in zip(cells, column.missing, strict=True)]


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_ACTIVE) and number_of(text) is None else text
