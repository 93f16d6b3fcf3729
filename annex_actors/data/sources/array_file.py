"""One array in a file: an ``.npy`` file, or an array of an ``.npz`` file that is not compressed.

Rows are read from their place in the file into fresh memory. A memory-mapped file would count as this process's memory,
page by page, once it has been read.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import open_file, reading, user_path
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Array, DType, Shape
from annex_actors.base.words import counted
from annex_actors.data.sources.stored import StoredInputs
from annex_actors.data.sources.version import Version

NO_LIMIT = 2**62
"""Bytes: such a file may be larger than this machine's memory."""

_LOCAL_HEADER = 30
"""Bytes of the header before a member of a zip file, without the name and the extra field that follow it."""


@dataclass(frozen=True)
class ArrayFile:
    """An array in a file, by its place there; a `Source`.

    Args:
        path: of the file, absolute.
        name: of the array in an ``.npz`` file; None for an ``.npy`` file.
        offset: of its first byte.
        shape: ``(samples, *input_shape)``.
        dtype: of its numbers, in the file's order of bytes.
        version: of the file when it was opened.
    """

    path: Path
    name: str | None
    offset: int
    shape: Shape
    dtype: DType
    version: Version

    @property
    def place(self) -> str:
        """The path, and the name of the array."""
        return str(self.path) if self.name is None else f"{self.path}, array {self.name}"

    def read(self, rows: NDArray[np.int64]) -> Array:
        """Return rows by their numbers; neighbouring rows are read at once."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        row_bytes = prod(self.shape[1:]) * self.dtype.itemsize
        content = found.view(np.uint8).reshape(len(rows), row_bytes)
        with reading(self.path), open_file(self.path, limit=NO_LIMIT) as file:
            for start, stop in _runs(rows):
                _fill(content[start:stop], file.fileno(), self.offset + int(rows[start]) * row_bytes)
            self.version.check(Version.of(os.fstat(file.fileno())))
        return found


def open_array(path: str | Path, name: str | None = None) -> StoredInputs:
    """Return an array of inputs that stays in its file, to train on data larger than memory.

    ``Dataset.from_arrays(open_array("x.npy"), numpy.load("y.npy"))`` is a data set whose inputs are read while it is
    trained on, to the same bits as if they were in memory.

    Args:
        path: an ``.npy`` file; or an ``.npz`` file that is not compressed, as `numpy.savez` writes it.
        name: of the array in an ``.npz`` file.

    Raises:
        DataError: not such a file, no such array, or one that is compressed, in Fortran's order or no numbers; the
            message names the file.
        ConfigError: an argument of another kind.
    """
    path = user_path(checks.path("path", path))
    with reading(path):
        return array_in(path, None if name is None else checks.text("name", name))


def array_in(path: Path, name: str | None) -> StoredInputs:
    """Return an array of inputs that stays in its file; errors do not name the file, see `open_array`."""
    with open_file(path, limit=NO_LIMIT) as file:
        size = os.fstat(file.fileno()).st_size
        end = size if name is None else _seek_member(file, name)
        try:
            shape, is_fortran, dtype = read_header(file)
        except Exception as error:  # NumPy raises errors of every type where bytes are damaged
            raise DataError(f"expected an array in NumPy's format, got: {message_of(error)}; write it again") from error
        _check(shape, dtype, is_fortran=is_fortran, bytes_there=min(size, end) - file.tell())
        version = Version.of(os.fstat(file.fileno()))
        return StoredInputs(ArrayFile(path.absolute(), name, file.tell(), shape, dtype, version))


def read_header(file: IO[bytes]) -> tuple[Shape, bool, DType]:
    """Return shape, whether it is in Fortran's order, and dtype, from the header of an array in NumPy's format.

    Raises:
        ValueError: it is in no such format.
    """
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    return shape, is_fortran, dtype


def _check(shape: Shape, dtype: DType, *, is_fortran: bool, bytes_there: int) -> None:
    if dtype.kind not in "biuf":
        raise DataError(f"expected inputs to be numbers, got an array of {dtype}; convert them first")
    if len(shape) < 2 or min(shape) < 1:
        raise DataError(f"expected inputs of shape (samples, features, ...), got {shape}; give every sample a row")
    if is_fortran:
        raise DataError(
            "expected rows one after the other, got an array in Fortran's order; "
            "write it by numpy.save(path, numpy.ascontiguousarray(inputs))"
        )
    needed = prod(shape) * dtype.itemsize
    if needed > bytes_there:
        raise DataError(f"expected {counted(needed, 'byte')} of numbers, got {bytes_there:,}; write the file again")


def _seek_member(file: BinaryIO, name: str) -> int:
    """Seek to the first byte of an array of an ``.npz`` file, and return where it ends."""
    try:
        with zipfile.ZipFile(file) as archive:
            found = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
            if name not in found:
                raise DataError(f"expected an array named {shown(name)}, got {listed(sorted(found)) or 'none'}")
            member = found[name]
            if member.compress_type != zipfile.ZIP_STORED:
                raise DataError(
                    f"expected arrays that are not compressed, to be read where they are, got {name} compressed; "
                    "write the file by numpy.savez"
                )
            with archive.open(member) as content:  # reads it once, to check its CRC-32 as `numpy.load` does
                while content.read(2**20):
                    pass
    except DataError:
        raise
    except Exception as error:  # zipfile raises errors of every type where bytes are damaged
        raise DataError(f"expected an npz file, got: {message_of(error)}; write it by numpy.savez") from error
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER)
    lengths = [int.from_bytes(header[at : at + 2], "little") for at in (26, 28)]  # of the name and the extra field
    start = member.header_offset + _LOCAL_HEADER + sum(lengths)
    file.seek(start)
    return start + member.file_size


def _runs(rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where rows that lie one after the other in the file begin and end among ``rows``."""
    if len(rows) == 0:
        return
    cuts = np.flatnonzero(np.diff(rows) != 1) + 1
    yield from zip([0, *cuts.tolist()], [*cuts.tolist(), len(rows)], strict=True)


def _fill(content: NDArray[np.uint8], fd: int, offset: int) -> None:
    """Fill an array from a place in a file, up to the file's end: a file that is shorter than it was has changed."""
    left = content.reshape(-1).data
    while left:
        count = os.preadv(fd, [left], offset)
        if count == 0:
            return
        left, offset = left[count:], offset + count
