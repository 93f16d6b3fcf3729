"""One hundred files that lie, are damaged or would run something, and a program that reads them all.

``python -m tests.hostile_files FOLDER`` reads the files in a folder on a machine that has little memory, and prints a
JSON line for each: its name before it is read, and how that ended.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pickle
import random
import sqlite3
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from annex_actors import Learner, Preparation, load, read_table
from annex_actors.base.errors import UserError
from annex_actors.data import read_images
from annex_actors.data.idx import read_idx
from annex_actors.data.npz import read_npy

MEMORY = 2**29
"""Bytes of memory that the machine seems to have."""

CANARY = "canary"
"""The file that is there if something of a file ran."""

HARMLESS = ""
"""What is expected of a file that can be read: it holds nothing that hurts."""

EITHER = "(?s)"
"""What is expected of a file that may be read or not."""

Content = bytes | Callable[[Path], object]


class _Bomb:
    """A value that makes the canary where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (CANARY, "w")


PICKLE = pickle.dumps(_Bomb())
CODE = f"__import__('builtins').open('{CANARY}', 'w')"


def _npy(shape: object, dtype: str = "'<f8'", content: bytes = bytes(16)) -> bytes:
    return _npy_header(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}") + content


def _npy_header(text: str, version: bytes = b"\x01\x00") -> bytes:
    packed = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(packed).to_bytes(2 if version[0] == 1 else 4, "little") + packed


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method, compresslevel=1) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def _npz(member: bytes) -> bytes:
    return _zip({"x.npy": member, "y.npy": _npy((2,))})


def _patched(content: bytes, before: bytes, after: bytes) -> bytes:
    assert before in content
    return content.replace(before, after)


def _zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in "xy":
            with archive.open(f"{name}.npy", "w") as member:
                member.write(_npy((2**26,), content=b""))
                for _ in range(16):
                    member.write(bytes(2**25))


def _with_size(size: int) -> bytes:
    """Return an archive whose first member says that it has this size."""
    content = bytearray(_npz(_npy((2,))))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(content)


NPZ: dict[str, tuple[str, Content, str]] = {
    "objects in an npz": ("a.npz", _npz(_npy((1,), "'|O'", PICKLE)), "Object arrays cannot be loaded"),
    "a pickle in an npz": ("a.npz", _npz(PICKLE), "expected"),
    "objects in an npy": ("a.npy", _npy((1,), "'|O'", PICKLE), "Object arrays cannot be loaded"),
    "objects in a field of an npy": ("a.npy", _npy((1,), "[('a', '|O')]", PICKLE), "Object arrays cannot be loaded"),
    "a pickle as npy": ("a.npy", PICKLE, "expected an .npy file"),
    "a pickle as npz": ("a.npz", PICKLE, "expected an npz file"),
    "code in the header of an npy": ("a.npy", _npy_header(CODE), "expected an array"),
    "code as a shape": ("a.npy", _npy(CODE), "expected an array"),
    "an npz that unpacks to gigabytes": ("a.npz", _zip_bomb, "expected arrays that fit into"),
    "an npz with a shape of 10^15": ("a.npz", _npz(_npy((10**15,))), "expected arrays"),
    "an npy with a shape of 10^18": ("a.npy", _npy((10**6, 10**8)), "expected an array"),
    "an npy with a shape beyond integers": ("a.npy", _npy((2**62, 2**62)), "expected an array"),
    "an npy with a negative shape": ("a.npy", _npy((-1,)), "expected an array"),
    "an npy with a deep header": ("a.npy", _npy_header("(" * 5000), "expected an array"),
    "an npy with a header of four gigabytes": ("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "expected an array"),
    "an npy of version 9": ("a.npy", _npy_header("{}", b"\x09\x09"), "expected an array"),
    "a member that says it is huge": ("a.npz", _with_size(2**32 - 2), "expected arrays that fit into"),
    "a member that is cut": ("a.npz", _npz(_npy((1000,), content=os.urandom(8000)))[:4000], "expected an npz file"),
    "an encrypted member": (
        "a.npz",
        _patched(_npz(_npy((2,))), b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
        "expected arrays",
    ),
    "a member of a path": ("a.npz", _zip({"../../x.npy": _npy((2,))}), "expected arrays named"),
    "an archive in an archive": ("a.npz", _npz(_npz(_npy((2,)))), "expected"),
    "ten thousand members": ("a.npz", _zip({f"{at}.npy": b"" for at in range(10_000)}), "expected"),
}


def _safetensors(header: object, content: bytes = bytes(8), size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + content


def _tensor(shape: list[int], ends: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"0.weight": {"dtype": dtype, "shape": shape, "data_offsets": ends}}


def _model(description: str) -> bytes:
    return _safetensors({"__metadata__": {"model": description}, **_tensor([2], [0, 8])})


_ARRAYS = "expected"
WEIGHTS: dict[str, tuple[str, Content, str]] = {
    "a header of 2^63 bytes": ("a.safetensors", _safetensors(b"{}", size=2**63), _ARRAYS),
    "a header longer than its file": ("a.safetensors", _safetensors(b"{}", size=1000), _ARRAYS),
    "a header that is a pickle": ("a.safetensors", _safetensors(PICKLE), _ARRAYS),
    "a pickle as weights": ("a.safetensors", PICKLE, _ARRAYS),
    "an archive of torch as weights": ("a.safetensors", _zip({"archive/data.pkl": PICKLE}), _ARRAYS),
    "a deep header": ("a.safetensors", _safetensors(b'{"a":' + b"[" * 10**5), _ARRAYS),
    "weights beyond their file": ("a.safetensors", _safetensors(_tensor([2**40], [0, 2**42])), _ARRAYS),
    "weights of a shape beyond integers": ("a.safetensors", _safetensors(_tensor([2**40, 2**40], [0, 8])), _ARRAYS),
    "weights of a negative shape": ("a.safetensors", _safetensors(_tensor([-2], [0, 8])), _ARRAYS),
    "weights that end before they begin": ("a.safetensors", _safetensors(_tensor([2], [8, 0])), _ARRAYS),
    "weights of an unknown type": ("a.safetensors", _safetensors(_tensor([2], [0, 8], "OBJECT")), _ARRAYS),
    "weights without a model": ("a.safetensors", _safetensors(_tensor([2], [0, 8])), "expected"),
    "a deep description of a model": ("a.safetensors", _model("[" * 10**5), "expected"),
    "a model that names a file of code": (
        "a.safetensors",
        _model(json.dumps({"format": 1, "network": "torch_module:evil.py:Evil", "cost": CODE, "input_shape": [2]})),
        "expected",
    ),
}


def _preparation(text: str, arrays: bytes = b"") -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.with_name(f"{path.name}.json").write_text(text)
        path.with_name(f"{path.name}.safetensors").write_bytes(arrays)

    return write


_SAVED = "expected a preparation as `save` writes it"
PREPARATIONS: dict[str, tuple[str, Content, str]] = {
    "a preparation of no text": ("a.preparation", _preparation(""), _SAVED),
    "a deep preparation": ("a.preparation", _preparation("[" * 10**6), _SAVED),
    "a preparation of an endless number": ("a.preparation", _preparation("9" * 10**6), _SAVED),
    "a preparation of other arrays": (
        "a.preparation",
        _preparation(json.dumps({"version": 1, "arrays_sha256": "0" * 64})),
        "expected the arrays that the text was written with",
    ),
    "a preparation with a lying header": (
        "a.preparation",
        _preparation(
            json.dumps(
                {
                    "version": 1,
                    "arrays_sha256": hashlib.sha256(_safetensors(b"{}", size=2**60)).hexdigest(),
                    "features": [],
                }
            ),
            _safetensors(b"{}", size=2**60),
        ),
        _SAVED,
    ),
}


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, *chunks: bytes, bits: int = 8) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


_PIXELS = _chunk(b"IDAT", zlib.compress(bytes(6)))
_ZEROS = zlib.compress(bytes(2**28), 1)
_PICTURE = "expected a picture, got: "
IMAGES: dict[str, tuple[str, Content, str]] = {
    "a picture of 10^9 pixels": ("1.png", _png(50_000, 20_000, _PIXELS), _PICTURE),
    "a picture of 2^62 pixels": ("1.png", _png(2**31 - 1, 2**31 - 1, _PIXELS), _PICTURE),
    "a picture whose pixels are cut": ("1.png", _png(2, 2, _PIXELS)[:45], _PICTURE),
    "a picture without pixels": ("1.png", _png(2, 2), _PICTURE),
    "a picture of no width": ("1.png", _png(0, 2, _PIXELS), _PICTURE),
    "a picture with a wrong checksum": ("1.png", _patched(_png(2, 2, _PIXELS), b"IDAT", b"IDAX"), _PICTURE),
    "a picture with more pixels than it says": ("1.png", _png(2, 2, _chunk(b"IDAT", _ZEROS)), HARMLESS),
    "a picture with text without end": ("1.png", _png(2, 2, _chunk(b"zTXt", b"a\0\0" + _ZEROS), _PIXELS), _PICTURE),
    "a picture with a profile without end": (
        "1.png",
        _png(2, 2, _chunk(b"iCCP", b"a\0\0" + _ZEROS), _PIXELS),
        _PICTURE,
    ),
    "SVG as PNG": ("1.png", b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', _PICTURE),
    "PostScript as JPEG": ("1.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(canary) (w) file\n", _PICTURE),
    "a GIF as PNG": ("1.png", b"GIF89a\x02\x00\x02\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff;", _PICTURE),
    "a JPEG that is cut": ("1.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", _PICTURE),
    "a PGM of 10^10 pixels": ("1.pgm", b"P5\n100000 100000\n255\n", _PICTURE),
    "a PGM of the wrong byte order": ("1.pgm", b"P5\n2 2\n65535\n" + bytes(8), "expected 8 bits a channel"),
    "a PGM of a size of 10^6 digits": ("1.pgm", b"P5\n" + b"9" * 10**6 + b" 2\n255\n", _PICTURE),
}

_BOMB = gzip.compress(bytes(2**26), 1) * 20
PACKED: dict[str, tuple[str, Content, str]] = {
    "idx that unpacks to gigabytes": ("a.idx.gz", _BOMB, "expected at most 1,073,741,824 bytes in a gzip file"),
    "cells that unpack to gigabytes": ("a.csv.gz", _BOMB, "bytes in a gzip file"),
    "JSON that unpacks to gigabytes": ("a.jsonl.gz", _BOMB, "bytes in a gzip file"),
    "ARFF that unpacks to gigabytes": ("a.arff.gz", _BOMB, "bytes in a gzip file"),
    "gzip that is cut": ("a.csv.gz", gzip.compress(os.urandom(1000))[:500], "expected a whole gzip file"),
    "gzip with a wrong checksum": ("a.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-8] + bytes(8), "a whole gzip file"),
    "idx of 2^96 numbers": ("a.idx.gz", gzip.compress(b"\0\0\x08\x01\xff\xff\xff\xff"), "bytes for the shape"),
    "text as idx": ("a.idx.gz", gzip.compress(b"hello"), "expected the IDX magic number"),
}

CELLS: dict[str, tuple[str, Content, str]] = {
    "NULs as cells": ("a.csv", bytes(10**6), "expected at least 1 line of data"),
    "a line without end": ("a.csv", b"1" * 10**7, HARMLESS),
    "a quotation without end": ("a.csv", b'a,b\n1,"' + b"2\n" * 10**5, "expected a comma-separated file"),
    "a million quotes": ("a.csv", b'"' * 10**6, "expected at least 1 line of data"),
    "a million columns of cells": ("a.csv", b"1," * 10**6, "expected at most 100,000 columns, got 1,000,001"),
    "bytes that are no text": ("a.csv", bytes(range(128, 256)) * 10, "expected a"),
    "UTF-16 as cells": ("a.csv", "a,b\n1,2\n".encode("utf-16"), "expected a table in UTF-8, got UTF-16"),
    "formulas for a spreadsheet": ("a.csv", b"a,b\n=cmd|' /C calc'!A0,1\n@SUM(1),2\n", HARMLESS),
}


def _as_parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    parquet.write_table(table, content)
    return content.getvalue()


def _as_arrow(table: pa.Table, make: Callable[..., Any] = ipc.new_file) -> bytes:
    content = io.BytesIO()
    with make(content, table.schema) as file:
        file.write_table(table)
    return content.getvalue()


def _nulls(count: int) -> pa.Table:
    return pa.table({"x": pa.nulls(count)})


_TABLE = pa.table({"x": list(range(1000)), "t": [f"word {at}" for at in range(1000)]})
_PARQUET, _FEATHER, _STREAM = _as_parquet(_TABLE), _as_arrow(_TABLE), _as_arrow(_TABLE, ipc.new_stream)
_FOOTER = int.from_bytes(_PARQUET[-8:-4], "little") + 8
_WHOLE, _WHOLE_ARROW = "expected a whole Parquet file", "expected a whole Arrow or Feather file"
_WORD = pa.DictionaryArray.from_arrays(pa.array([0] * 10**5, pa.int32()), pa.array(["w" * 10**6]))

_VIEWS = pa.Array.from_buffers(
    pa.string_view(),
    10**4,
    [None, pa.py_buffer(struct.pack("<i4sii", 10**6, b"wwww", 0, 0) * 10**4), pa.py_buffer(b"w" * 10**6)],
)


def _cuts(name: str, content: bytes, expected: str, count: int) -> dict[str, tuple[str, Content, str]]:
    places = [len(content) * part // (count + 1) for part in range(1, count + 1)]
    return {
        f"{name} that ends at {at} of {count}": (name, content[:place], expected) for at, place in enumerate(places, 1)
    }


def _spoilt(content: bytes, seed: int) -> bytes:
    """Return the content with some bytes changed."""
    draw, spoilt = random.Random(seed), bytearray(content)
    for _ in range(20):
        spoilt[draw.randrange(8, len(spoilt))] = draw.randrange(256)
    return bytes(spoilt)


COLUMNS: dict[str, tuple[str, Content, str]] = {
    **_cuts("a.parquet", _PARQUET, _WHOLE, 4),
    **_cuts("a.feather", _FEATHER, _WHOLE_ARROW, 4),
    **_cuts("a.arrow", _STREAM, _WHOLE_ARROW, 2),
    **{f"Parquet with changed bytes, {seed}": ("a.parquet", _spoilt(_PARQUET, seed), EITHER) for seed in range(3)},
    **{f"Arrow with changed bytes, {seed}": ("a.feather", _spoilt(_FEATHER, seed), EITHER) for seed in range(3)},
    "Parquet with a footer of four gigabytes": ("a.parquet", _PARQUET[:-8] + b"\xff\xff\xff\x7fPAR1", _WHOLE),
    "Parquet with an empty footer": ("a.parquet", _PARQUET[:-8] + bytes(4) + b"PAR1", _WHOLE),
    "Parquet with a footer of noise": (
        "a.parquet",
        _PARQUET[:-_FOOTER] + os.urandom(_FOOTER - 8) + _PARQUET[-8:],
        _WHOLE,
    ),
    "Parquet that is encrypted": ("a.parquet", b"PARE" + _PARQUET[4:-4] + b"PARE", _WHOLE),
    "Parquet of 10^8 rows": ("a.parquet", _as_parquet(_nulls(10**8)), "expected a table that fits into"),
    "Parquet of one long word 10^5 times": ("a.parquet", _as_parquet(pa.table({"x": _WORD})), HARMLESS),
    "Arrow of one long word 10^5 times": ("a.feather", _as_arrow(pa.table({"x": _WORD})), HARMLESS),
    "Arrow of 10^4 views of one long word": ("a.feather", _as_arrow(pa.table({"x": _VIEWS})), "text that fits into"),
    "Arrow of lists of lists": ("a.feather", _as_arrow(pa.table({"x": [[["a"]]]})), "got list<.* in column x"),
    "Arrow of 10^8 rows": ("a.feather", _as_arrow(_nulls(10**8)), "expected a table that fits into"),
    "Arrow with a wrong footer": ("a.feather", _FEATHER[:-10] + b"\xff\xff\xff\x7fARROW1", _WHOLE_ARROW),
    "Arrow as Parquet": ("a.parquet", _FEATHER, _WHOLE),
    "Parquet as Arrow": ("a.arrow", _PARQUET, _WHOLE_ARROW),
    "a pickle as Arrow": ("a.feather", PICKLE, _WHOLE_ARROW),
}

_DEEP = b"[" * 10**6
TEXTS: dict[str, tuple[str, Content, str]] = {
    "a deep value in JSON lines": (
        "a.jsonl",
        b'{"a":' + _DEEP + b"]" * 10**6 + b"}\n",
        "expected a JSON object in line 1",
    ),
    "a value that is deep over many lines": (
        "a.jsonl",
        b'{"a":\n' * 10**5 + b"1" + b"\n}" * 10**5,
        "expected a JSON object in line 1",
    ),
    "a name in each line of JSON": (
        "a.jsonl",
        b"".join(b'{"%d":1}\n' % at for at in range(20_000)),
        "expected a table that fits into",
    ),
    "JSON lines of half a character": ("a.jsonl", b'{"a":"\\ud800"}', "expected JSON objects of one form"),
    "JSON lines of bytes that are no text": ("a.jsonl", b'{"a":"\xff\xfe"}', "got: 'utf-8' codec can't decode"),
    "JSON lines of a number without end": ("a.jsonl", b'{"a":' + b"9" * 10**6 + b"}", HARMLESS),
    "deep JSON": ("a.json", _DEEP, "expected one JSON list of objects"),
    "JSON of a number without end": ("a.json", b'[{"a":' + b"9" * 10**6 + b"}]", "expected one JSON list of objects"),
    "ARFF of NULs": ("a.arff", bytes(10**6), "expected @relation, @attribute or @data in line 1"),
    "ARFF with an open list": ("a.arff", b"@attribute a {x, y\n@data\nx\n", "in line 1"),
    "ARFF with blanks before an open quotation": (
        "a.arff",
        b"@attribute a string\n@data\n" + b" " * 10**6 + b"x'",
        "a quotation with an end in line 3",
    ),
    "ARFF with a comment of quotes": ("a.arff", b"@attribute a string\n@data\n" + b"'" * 10**5 + b"%\n", "in line 3"),
    "ARFF of a million attributes": (
        "a.arff",
        b"@attribute a real\n" * 10**5 + b"@data\n1\n",
        "expected 100,000 cells in line",
    ),
    "ARFF of bytes that are no text": (
        "a.arff",
        b"@attribute a string\n@data\n\xff\xfe\n",
        "expected an ARFF file in UTF-8",
    ),
}


def _database(*statements: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return write


def _view(query: str) -> Callable[[Path], object]:
    return _database(f"CREATE VIEW t AS {query}")


def _schema(text: str) -> Callable[[Path], object]:
    return _database(
        "CREATE TABLE t (a)", "PRAGMA writable_schema = ON", f"UPDATE sqlite_master SET sql = '{text}' WHERE name = 't'"
    )


def _cut_database(path: Path) -> None:
    rows = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 10000) SELECT x FROM c"
    _database(f"CREATE TABLE t AS {rows}")(path)
    path.write_bytes(path.read_bytes()[:20_000])


_ANSWER = "expected a SELECT that this SQLite file can answer"
DATABASES: dict[str, tuple[str, Content, str]] = {
    "text as SQLite": ("a.db", b"a,b\n1,2\n", "expected an SQLite file, got something else"),
    "SQLite that is only a header": ("a.db", b"SQLite format 3\0" + bytes(84), _ANSWER),
    "SQLite that is cut": ("a.db", _cut_database, _ANSWER),
    "SQLite with a view that loads code": ("a.db", _view("SELECT load_extension('evil.so')"), _ANSWER),
    "SQLite with a view without end": (
        "a.db",
        _view("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"),
        "bytes of rows, got more",
    ),
    "SQLite with a view of a gigabyte": ("a.db", _view("SELECT zeroblob(1000000000) AS a"), _ANSWER),
    "SQLite with views of each other": (
        "a.db",
        _database("CREATE VIEW t AS SELECT * FROM u", "CREATE VIEW u AS SELECT * FROM t"),
        _ANSWER,
    ),
    "SQLite with a schema that lies": ("a.db", _schema("CREATE TABLE t (a"), _ANSWER),
    "SQLite with a trigger": (
        "a.db",
        _database(
            "CREATE TABLE t (a)",
            "INSERT INTO t VALUES (1)",
            "CREATE TRIGGER evil AFTER INSERT ON t BEGIN SELECT load_extension('evil.so'); END",
        ),
        HARMLESS,
    ),
}

HOSTILE = {**NPZ, **WEIGHTS, **PREPARATIONS, **IMAGES, **PACKED, **CELLS, **COLUMNS, **TEXTS, **DATABASES}
"""By what it is: a file's name, how it is made, and what is said of it; `HARMLESS` of one that is read."""


def _good_picture(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(_png(2, 2, _PIXELS))


def written(folder: Path) -> Iterator[Path]:
    """Write all files, each into a folder of its own; yield their paths in order."""
    for number, (name, content, _) in enumerate(HOSTILE.values()):
        within = folder / str(number) / "a"
        within.mkdir(parents=True)
        if name.endswith((".png", ".jpg", ".pgm")):
            _good_picture(folder / str(number) / "b" / "1.png")
        if isinstance(content, bytes):
            (within / name).write_bytes(content)
        else:
            content(within / name)
        yield within / name


def read(path: Path) -> object:
    """Read a file by the reader that its name asks for."""
    ending = path.name.partition(".")[2]
    if ending == "db":
        return read_table(f"sqlite:{path}#SELECT * FROM t")
    if ending in ("png", "jpg", "pgm"):
        return read_images(path.parents[1])
    readers: dict[str, Callable[[Path], object]] = {
        "npz": load,
        "npy": read_npy,
        "idx.gz": lambda file: read_idx(file, dimensions=1),
        "safetensors": Learner.load,
        "preparation": Preparation.load,
    }
    return readers.get(ending, read_table)(path)


def _warm_up(folder: Path) -> None:
    """Read good files, so that all libraries are loaded before memory is short."""
    folder = folder / "good"
    for name in ("a", "b"):
        _good_picture(folder / name / "1.png")
    read(folder / "a" / "1.png")
    for name, content in (("a.parquet", _PARQUET), ("a.arrow", _STREAM), ("a.jsonl", b'{"a":1}'), ("a.csv", b"a\n1\n")):
        (folder / name).write_bytes(content)
        read(folder / name)


def main(folder: Path) -> None:
    """Read the files in the folders of a folder on a machine of little memory, and print how each ended."""
    import resource

    _warm_up(folder)
    pages, known = MEMORY // os.sysconf("SC_PAGE_SIZE"), os.sysconf
    os.sysconf = lambda name: pages if name == "SC_PHYS_PAGES" else known(name)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (taken + 4 * MEMORY,) * 2)
    os.chdir(folder)
    for number, (what, (name, *_)) in enumerate(HOSTILE.items()):
        _say(what, "begun", "")
        try:
            read(folder / str(number) / "a" / name)
            ended = "read", ""
        except UserError as error:
            ended = "refused", str(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours, which the test names
            ended = "broken", f"{type(error).__name__}: {error}"
        _say(what, *ended)


def _say(*words: str) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
