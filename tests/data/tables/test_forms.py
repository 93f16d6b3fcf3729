"""One table in every form that is read: the same columns, and nothing else than a line where a file is wrong."""

from __future__ import annotations

import datetime
import gzip
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data.tables import Kind, Table, read_table
from annex_actors.data.tables.columns import Form
from annex_actors.data.tables.read import is_table

ROWS: list[dict[str, Any]] = [
    {"size": 1, "price": 1.5, "code": "a7", "day": "2020-01-02"},
    {"size": None, "price": -2.25, "code": None, "day": "2021-12-31"},
    {"size": 3, "price": 1e10, "code": 'it\'s, "quoted"', "day": None},
]
KINDS = {"size": Kind.INTEGER, "price": Kind.NUMBER, "code": Kind.TEXT, "day": Kind.DATE}
ARFF = """% a comment
@RELATION 'the test'
@attribute size numeric % with another
@attribute 'price' real
@ATTRIBUTE code string
@attribute day date "yyyy-MM-dd"
@data
1, 1.5, a7, 2020-01-02
% between rows

?,-2.25,?,"2021-12-31"
3,1e10,'it\\'s, "quoted"',?
"""


def arrow() -> pa.Table:
    """Return the rows with types of their own."""
    found = pa.Table.from_pylist(ROWS)
    days = pa.array([day and datetime.date.fromisoformat(day) for day in found["day"].to_pylist()])
    return found.set_column(3, "day", days)


def _stream(path: Path) -> None:
    with ipc.new_stream(path, arrow().schema) as stream:
        stream.write_table(arrow())


def _lines(path: Path) -> None:
    path.write_text("".join(f"{json.dumps(row)}\r\n\n" for row in ROWS))


def _csv(path: Path) -> None:
    quoted = [
        ["" if cell is None else '"{}"'.format(str(cell).replace('"', '""')) for cell in row.values()] for row in ROWS
    ]
    path.write_text("\n".join([",".join(ROWS[0]), *map(",".join, quoted)]))


def _list(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=1))


def _arff(path: Path) -> None:
    path.write_text(ARFF)


def _database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (size, price, code, day)")
        connection.executemany("INSERT INTO t VALUES (:size, :price, :code, :day)", ROWS)
    connection.close()


def _packed(write: Callable[[Path], None]) -> Callable[[Path], None]:
    def write_packed(path: Path) -> None:
        write(path)
        path.write_bytes(gzip.compress(path.read_bytes()))

    return write_packed


WRITTEN: Mapping[str, Callable[[Path], None]] = {
    "t.csv": _csv,
    "t.txt": _csv,
    "t.data.gz": _packed(_csv),
    "t.parquet": lambda path: parquet.write_table(arrow(), path, row_group_size=2),
    "t.feather": lambda path: feather.write_feather(arrow(), path),
    "t.arrow": _stream,
    "t.jsonl": _lines,
    "t.ndjson.gz": _packed(_lines),
    "t.json": _list,
    "t.arff": _arff,
    "t.ARFF.GZ": _packed(_arff),
    "t.db": _database,
}
"""How a file of each form is written, by its name."""


def source_of(path: Path) -> str:
    """Return what a table is read from."""
    return f"sqlite:{path}#SELECT * FROM t" if path.suffix == ".db" else str(path)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_table_is_the_same_in_every_form(tmp_path: Path, name: str) -> None:
    WRITTEN[name](tmp_path / name)
    source = source_of(tmp_path / name)
    assert is_table(source)
    table = read_table(source)
    assert {column.name: column.kind for column in table} == KINDS
    assert np.array_equal(table["size"].values, [1, np.nan, 3], equal_nan=True)
    assert table["price"].values.tolist() == [1.5, -2.25, 1e10]
    assert table["code"].values.tolist() == [row["code"] for row in ROWS]
    days = np.array(["2020-01-02", "2021-12-31", "NaT"], "M8[us]")
    assert np.array_equal(table["day"].values, days, equal_nan=True)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("name", "place"), [("t.csv", "line 4"), ("t.jsonl", "line 5"), ("t.arff", "line 12"), ("t.parquet", "row 2")]
)
def test_a_row_has_its_place_in_the_file(tmp_path: Path, name: str, place: str) -> None:
    WRITTEN[name](tmp_path / name)
    assert read_table(tmp_path / name).place(2, "size") == f"{place}, column size"


TYPES: Mapping[str, tuple[pa.Array, Kind, list[object]]] = {
    "bytes in size": (pa.array([1, None], pa.int8()), Kind.INTEGER, [1.0, None]),
    "large integers": (pa.array([2**60, 1], pa.uint64()), Kind.NUMBER, [2.0**60, 1.0]),
    "half floats": (pa.array([np.float16(1.5), None], pa.float16()), Kind.NUMBER, [1.5, None]),
    "truth": (pa.array([True, None]), Kind.BOOLEAN, [1.0, None]),
    "decimals": (pa.array([Decimal("1.25"), None]), Kind.NUMBER, [1.25, None]),
    "whole decimals": (pa.array([Decimal(7), None]), Kind.INTEGER, [7.0, None]),
    "numbers as text": (pa.array(["007", None]), Kind.TEXT, ["007", None]),
    "text of an older form": (pa.array(["NA", ""], pa.large_string()), Kind.TEXT, ["NA", ""]),
    "views of text": (pa.array(["x", None], pa.string_view()), Kind.TEXT, ["x", None]),
    "categories": (pa.array(["b", None]).dictionary_encode(), Kind.TEXT, ["b", None]),
    "categories of numbers": (pa.array([5, None]).dictionary_encode(), Kind.TEXT, ["5", None]),
    "nothing": (pa.nulls(2), Kind.NUMBER, [None, None]),
    "durations": (pa.array([1500, None], pa.duration("ms")), Kind.NUMBER, [1.5, None]),
    "times of day": (pa.array([3600, None], pa.time32("s")), Kind.NUMBER, [3600.0, None]),
    "a date": (pa.array([1, None], pa.date32()), Kind.DATE, [datetime.datetime(1970, 1, 2), None]),
    "nanoseconds": (
        pa.array([1_500, None], pa.timestamp("ns")),
        Kind.DATE,
        [datetime.datetime(1970, 1, 1, microsecond=1), None],
    ),
    "a zone": (
        pa.array([0, None], pa.timestamp("s", tz="Asia/Tokyo")),
        Kind.DATE,
        [datetime.datetime(1970, 1, 1), None],
    ),
}
"""Cells of each type by what they are, their kind, and what they become."""


@pytest.mark.parametrize("what", TYPES)
def test_a_typed_column_is_what_its_file_says(tmp_path: Path, what: str) -> None:
    cells, kind, values = TYPES[what]
    feather.write_feather(pa.table({"x": cells}), tmp_path / "t.feather")
    column = read_table(tmp_path / "t.feather")["x"]
    assert column.kind is kind
    found = [None if lost else cell for cell, lost in zip(column.values.tolist(), column.missing, strict=True)]
    assert found == values


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, None]),
        pa.array([b"x", b"y"]),
    ],
)
def test_a_column_of_parts_is_refused_by_name(tmp_path: Path, cells: pa.Array) -> None:
    parquet.write_table(pa.table({"ok": [1, 2], "odd": cells}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet: expected numbers, .* in column odd; leave it out, or make"):
        read_table(tmp_path / "t.parquet")


def test_equal_names_get_numbers_and_a_nameless_index_is_left_out(tmp_path: Path) -> None:
    feather.write_feather(
        pa.Table.from_arrays([pa.array([1])] * 3, ["x", "x", "__index_level_0__"]), tmp_path / "t.feather"
    )
    table = read_table(tmp_path / "t.feather")
    assert table.names == ("x", "x.2")
    assert table.source.endswith("of equal names the later ones are now x.2")


def test_text_that_is_known_stays_text_where_it_looks_like_dates(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"note": "31.12.2020"}')
    assert read_table(tmp_path / "t.jsonl")["note"].kind is Kind.DATE
    assert read_table(tmp_path / "t.jsonl", forms={"note": Form(Kind.TEXT)})["note"].kind is Kind.TEXT


def read(folder: Path, name: str, text: str) -> Table:
    """Return the table in a file with this text."""
    (folder / name).write_text(text)
    return read_table(folder / name)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.jsonl", '{"a": 1}\n\n{"a": "x"}', "got a number, then a string in line 3; write all as one kind"),
        ("t.jsonl", '{"a": 1}\n{"a": {"b": 1}}', r"got \{'b': 1\} in line 2, column a; leave it out"),
        ("t.jsonl", '{"a": 1}\n[1]', r"expected a JSON object in line 2, got \[1\]"),
        ("t.json", '{"a": {"0": 1}}', "expected a JSON list of objects, got something else"),
        ("t.json", '{"a": 1}\n{"a": 2}', r"name it \.jsonl if there is one object on each line"),
        ("t.json", '[{"a": [1]}]', r"got \[1\] in row 0, column a"),
        (
            "t.arff",
            "@relation x\n@attribute a numeric\n@data\n1\nx\n",
            "a cell of numeric, got 'x' in line 5, column a",
        ),
        ("t.arff", "@attribute a {x, 'y z'}\n@data\n'y z'\nz\n", "got 'z' in line 4, column a"),
        ("t.arff", "@attribute a string\n@data\n{0 x}\n", "got a sparse row in line 3"),
        ("t.arff", "@attribute a string\n@data\nx,y\n", "expected 1 cell in line 3, got 2"),
        ("t.arff", "@attribute a string\n@data\n'x\n", "a quotation with an end in line 3"),
        ("t.arff", "@attribute a relational\n@data\n", "expected @attribute, a name and numeric, .* in line 1"),
        ("t.arff", "@attribute a date 'yyyy Z'\n@data\n", "expected a date of yyyy, .* in line 1, got 'yyyy Z'"),
        ("t.arff", "@attribute a date\n@data\n2020-01-02T03:04:05\nsoon\n", "got 'soon' in line 4"),
        ("t.arff", "@attribute a real\n1\n", "expected @relation, @attribute or @data in line 2"),
        ("t.arff", "@attribute a real\n", "expected a line @data"),
        ("t.arff", "@relation a\n@data\n1\n", "expected @attribute lines before @data"),
        ("t.arff", "@attribute a real\n@data\n", "got 0 rows of 1 column"),
        ("t.feather", "FEA1", "got Feather of version 1; save it as version 2"),
        ("t.parquet", "PAR1", "expected a whole Parquet file, got: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, name, text)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM t", "not authorized"),
        ("ATTACH 'new.db' AS other", "not authorized"),
        ("PRAGMA user_version", "not authorized"),
        ("SELECT 1; DROP TABLE t", "one statement at a time"),
        ("SELECT nope FROM t", "no such column"),
        ("-- SELECT", "expected a query that selects rows"),
        ("SELECT load_extension('x.so')", "not authorized"),
        ("SELECT size FROM t UNION ALL SELECT code FROM t", "got int and str; write CAST"),
        ("SELECT x'00' AS raw", "got binary in column raw"),
        ("SELECT * FROM t WHERE size > 5", "got 0 rows of 4 columns"),
    ],
)
def test_a_query_reads_and_does_nothing_else(tmp_path: Path, query: str, message: str) -> None:
    _database(tmp_path / "t.db")
    before = (tmp_path / "t.db").read_bytes()
    with pytest.raises(DataError, match=message) as caught:
        read_table(f"sqlite:{tmp_path / 't.db'}#{query}")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["t.db"]
    assert (tmp_path / "t.db").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("sqlite:", "a file and a query"),
        ("sqlite:t.db", "a file and a query"),
        ("sqlite:no.db#SELECT 1", "expected a file at no.db, got none"),
    ],
)
def test_a_query_needs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        read_table(source)
    assert not os.listdir(tmp_path)


def test_a_table_says_which_query_it_answers(tmp_path: Path) -> None:
    _database(tmp_path / "t.db")
    table = read_table(f"sqlite:{tmp_path / 't.db'}#SELECT size AS x,\n price AS x FROM t")
    assert (
        table.source
        == f"{tmp_path / 't.db'}, SELECT size AS x, price AS x FROM t, of equal names the later ones are now x.2"
    )


def test_a_query_of_a_file_with_a_log_makes_no_file(tmp_path: Path) -> None:
    _database(tmp_path / "t.db")
    connection = sqlite3.connect(tmp_path / "t.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert len(read_table(f"sqlite:{tmp_path / 't.db'}#SELECT price FROM t")) == 3
    assert os.listdir(tmp_path) == ["t.db"]


@pytest.mark.parametrize("setting", [{"header": True}, {"separator": ";"}])
def test_settings_of_a_file_of_cells_are_refused_for_another(tmp_path: Path, setting: dict[str, Any]) -> None:
    WRITTEN["t.parquet"](tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match=r"with a file of cells .* only, got"):
        read_table(tmp_path / "t.parquet", **setting)
