"""JSON: a record on each line, or one list of records."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from itertools import islice
from pathlib import Path

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.shown import shown
from annex_actors.base.texts import shortened
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.content import text_content
from annex_actors.data.tables.guards import check_fits, damaged
from annex_actors.data.tables.typed import typed_table

_KEY = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"\s*:')
_PIECE = 2**20
_MIXED = re.compile(r"Column\(/(.*)\) changed from (\w+) to (\w+) in row (\d+)")


def read_json_lines(path: Path, forms: Mapping[str, Form]) -> Table:
    """Return the table in a file with a JSON object on each line; a name that a line does not have is missing there.

    Raises:
        OSError: the file cannot be read.
        DataError: no JSON, a name with numbers in one line and text in another, or a list or an object as a value.
    """
    content = text_content(path)
    if not _is_flat(content):
        _check_flat(content)
    return _table(content, path, forms, lambda row: f"line {next(islice(_lines(content), row, None))[0]}")


def read_json(path: Path, forms: Mapping[str, Form]) -> Table:
    """Return the table in a file with one list of JSON objects.

    Raises:
        OSError: the file cannot be read.
        DataError: something else than such a list, or as for `read_json_lines`.
    """
    try:
        records = json.loads(text_content(path))
    except (ValueError, RecursionError) as error:
        hint = "name it .jsonl if there is one object on each line"
        raise DataError(f"expected one JSON list of objects, got: {message_of(error)}; {hint}") from error
    if not isinstance(records, list) or not records:
        raise DataError("expected a JSON list of objects, got something else; write [{...}, {...}]")
    for row, record in enumerate(records):
        _check_record(record, f"row {row}")
    return _table("".join(f"{json.dumps(record)}\n" for record in records).encode(), path, forms, None)


def _table(content: bytes, path: Path, forms: Mapping[str, Form], locate: Callable[[int], str] | None) -> Table:
    import pyarrow as pa
    import pyarrow.json as arrow_json

    check_fits(content.count(b"\n"), _name_count(content))
    options = arrow_json.ReadOptions(use_threads=False, block_size=min(len(content) + 1, 2**30))
    with damaged("JSON objects of one form"):
        try:
            found = arrow_json.read_json(BytesIO(content), options)
        except pa.ArrowInvalid as error:
            _check_mixed(str(error), locate or "row {}".format)
            raise
        return typed_table(found, str(path), locate=locate, forms=forms)


def _check_mixed(message: str, locate: Callable[[int], str]) -> None:
    """Refuse a column of several kinds in our words, if that is what pyarrow's message says."""
    if mixed := _MIXED.search(message):
        name, before, after, row = mixed.groups()
        raise DataError(
            f"expected values of one kind in column {shortened(name)}, got a {before}, then a {after} in "
            f"{locate(int(row))}; write all as one kind, and null where one is missing"
        )


def _name_count(content: bytes) -> int:
    """Return about how many columns there are: a small file with other names in each line would fill the memory."""
    names = set[bytes]()
    for start in range(0, len(content), _PIECE):
        names.update(_KEY.findall(content, start, start + _PIECE))
    return len(names)


def _is_flat(content: bytes) -> bool:
    """Return whether each bracket begins a line of its own: then no value is a list or an object."""
    ends = content.count(b"}\n{") + content.count(b"}\r\n{")
    return content.count(b"[") == 0 and content.count(b"{") == ends + 1


def _check_flat(content: bytes) -> None:
    """Refuse a list or an object as a value; pyarrow reads them by recursion that a deep one breaks."""
    for line, text in _lines(content):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"expected a JSON object in line {line}, got: {shortened(message_of(error), 200)}"
            ) from None
        _check_record(record, f"line {line}")


def _check_record(record: object, place: str) -> None:
    if not isinstance(record, dict):
        raise DataError(f"expected a JSON object in {place}, got {shown(record)}; write names and values")
    for name, value in record.items():
        if isinstance(value, list | dict):
            raise DataError(
                f"expected numbers, truth values, dates or text, got {shown(value)} in {place}, "
                f"column {shortened(name)}; leave it out, or make columns of its parts"
            )


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each line that is not blank, from 1, and its text."""
    return ((at, line) for at, line in enumerate(BytesIO(content), 1) if line.strip())
