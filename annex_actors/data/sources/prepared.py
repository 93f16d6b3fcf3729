"""Inputs that were made column by column, and are read row by row: the numbers of a table larger than memory."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.lib import format as npy

from annex_actors.base.errors import ConfigError
from annex_actors.base.files import home_folder, writing
from annex_actors.base.types import Array, Floats
from annex_actors.data.sources.array_file import open_array
from annex_actors.data.sources.stored import BLOCK, FLOAT32, as_inputs

_ITEM = FLOAT32.itemsize


def prepared_folder() -> Path:
    """Return the folder of prepared inputs, under ``$XDG_CACHE_HOME`` or ``~/.cache``; what is in it can be deleted.

    Raises:
        ConfigError: the user has no home.
    """
    folder = home_folder("XDG_CACHE_HOME", ".cache")
    if folder is None:
        raise ConfigError("expected a home or $XDG_CACHE_HOME for prepared inputs, got none; set it, or in_memory=True")
    return folder / "prepared"


def in_a_file(columns: Iterable[Floats]) -> Floats:
    """Write columns to a file of the user's cache, and return them as inputs that stay there.

    The file is named by a fingerprint of its content. So one that is there already is left alone: another job, or this
    one before it was killed, has written the same, and may be reading it.

    Args:
        columns: float32, shape ``(rows, n)`` each, side by side; only one is in memory at a time.

    Raises:
        ConfigError: the file cannot be written.
    """
    folder = prepared_folder()
    with writing(folder, "a folder of prepared inputs"):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            shape, fingerprint = _write_columns(file, columns)
            path = folder / f"{fingerprint}.npy"
            if not path.exists():
                _write_rows(file.fileno(), shape, path)
    return as_inputs(open_array(path))


def _write_columns(file: IO[bytes], columns: Iterable[Floats]) -> tuple[tuple[int, int], str]:
    """Write columns one after another; return how many rows and columns there are, and their fingerprint."""
    rows, width, content = 0, 0, sha256()
    for block in columns:
        rows, width = len(block), width + block.shape[1]
        for column in np.ascontiguousarray(block.T, FLOAT32):
            file.write(column.data)
            content.update(column.data)
    file.flush()
    content.update(f"{rows} {width}".encode())
    return (rows, width), content.hexdigest()[:32]


def _write_rows(columns: int, shape: tuple[int, int], path: Path) -> None:
    """Write columns that are one after another in an open file as rows; the new file is whole once it has its name."""
    rows, width = shape
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    size = max(1, BLOCK // (max(1, width) * _ITEM))
    try:
        with temporary.open("xb") as file:
            npy.write_array_header_1_0(file, {"descr": FLOAT32.str, "fortran_order": False, "shape": shape})
            for start in range(0, rows, size):
                file.write(_rows_of(columns, shape, start, min(start + size, rows)).data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _rows_of(columns: int, shape: tuple[int, int], start: int, stop: int) -> Array:
    rows, width = shape
    block = np.empty((stop - start, width), FLOAT32)
    for index in range(width):
        content = os.pread(columns, (stop - start) * _ITEM, (index * rows + start) * _ITEM)
        block[:, index] = np.frombuffer(content, FLOAT32)
    return block
