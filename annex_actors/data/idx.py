"""The IDX format of the MNIST family: a magic number, the sizes, then unsigned bytes.

A file begins with two zero bytes, the type of its numbers (8: unsigned byte) and the number of dimensions. The size of
each dimension follows in four bytes, most significant first; then come the numbers, the last index changing fastest.

Source:
    LeCun, Cortes, Burges (1998), The MNIST database of handwritten digits: "the IDX file format".
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import open_file, reading
from annex_actors.base.types import Shape
from annex_actors.base.words import counted

_UNSIGNED_BYTE = 8

_LARGEST = 2**30
"""Bytes of a decompressed file: a small file of zeros must not become one that fills the memory."""


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Return the numbers in a gzip-compressed IDX file: uint8, read-only.

    Args:
        path: a file that ends in ``.gz``.
        dimensions: how many the file must have: 3 for pictures, 1 for labels.

    Raises:
        DataError: there is no such file, its compression is damaged, or `parse_idx` fails; the message names the file.
    """
    with reading(path), open_file(path) as file:
        return parse_idx(unpacked(file), dimensions=dimensions)


def unpacked(file: BinaryIO) -> bytes:
    """Return the decompressed content of a gzip file.

    Raises:
        DataError: its compression is damaged, or the content has more than a gigabyte.
    """
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            content = stream.read(_LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"expected a whole gzip file, got: {message_of(error)}; get the file again") from error
    if len(content) > _LARGEST:
        raise DataError(
            f"expected at most {counted(_LARGEST, 'byte')} in a gzip file, got more; check that it is the right file"
        )
    return content


def parse_idx(content: bytes, *, dimensions: int) -> NDArray[np.uint8]:
    """Return the numbers in the content of an IDX file: uint8, read-only, a view of ``content``.

    Raises:
        DataError: a wrong magic number, a wrong number of dimensions, or a length that contradicts the sizes.
    """
    magic = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if content[:4] != magic:
        got = content[:4].hex() or "an empty file"
        raise DataError(f"expected the IDX magic number {magic.hex()}, got {got}; check that it is the right file")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"expected an IDX header of {counted(start, 'byte')}, got {len(content)}; get the file again")
    shape: Shape = tuple(np.frombuffer(content[4:start], dtype=">u4").tolist())
    if len(content) - start != math.prod(shape):
        got = counted(len(content) - start, "byte")
        raise DataError(
            f"expected {counted(math.prod(shape), 'byte')} for the shape {shape}, got {got}; get the file again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
