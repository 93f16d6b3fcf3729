from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array
from annex_actors.data.idx import parse_idx, read_idx

PICTURES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(numbers: Array) -> bytes:
    """Return the content of an IDX file with these numbers."""
    return bytes((0, 0, 8, numbers.ndim)) + np.array(numbers.shape, dtype=">u4").tobytes() + numbers.tobytes()


@given(numbers=arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)))
@settings(deadline=None, print_blob=True)
def test_numbers_that_were_written_are_read(numbers: Array) -> None:
    found = parse_idx(idx(numbers), dimensions=numbers.ndim)
    assert found.dtype == np.uint8
    assert np.array_equal(found, numbers)


def test_the_numbers_are_read_only() -> None:
    assert not parse_idx(idx(PICTURES), dimensions=3).flags.writeable


@given(keep=st.integers(0, len(idx(PICTURES)) - 1))
@settings(deadline=None, print_blob=True)
def test_a_file_cut_short_anywhere_is_refused(keep: int) -> None:
    with pytest.raises(DataError, match=r"expected .*, got .*; ") as caught:
        parse_idx(idx(PICTURES)[:keep], dimensions=3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected the IDX magic number 00000803, got an empty file"),
        (idx(PICTURES[0]), "expected the IDX magic number 00000803, got 00000802; check that it is the right file"),
        (b"PK\x03\x04 and so on", "got 504b0304"),
        (idx(PICTURES)[:9], "expected an IDX header of 16 bytes, got 9; get the file again"),
        (idx(PICTURES)[:-1], r"expected 24 bytes for the shape \(2, 3, 4\), got 23 bytes; get the file again"),
        (idx(PICTURES) + b"\0", "got 25 bytes"),
    ],
)
def test_content_that_is_not_such_an_idx_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_idx(content, dimensions=3)


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pictures.gz"
    path.write_bytes(gzip.compress(idx(PICTURES)))
    assert np.array_equal(read_idx(path, dimensions=3), PICTURES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(PICTURES), "expected a whole gzip file, got: Not a gzipped file"),
        (gzip.compress(idx(PICTURES))[:-9], "expected a whole gzip file, got: Compressed file ended"),
        (gzip.compress(idx(PICTURES))[:12] + b"\xff" * 30, "expected a whole gzip file, got"),
        (b"", "expected the IDX magic number 00000803, got an empty file"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "pictures.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{path}: {message}") as caught:
        read_idx(path, dimensions=3)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"expected a file at {tmp_path / 'none.gz'}, got none; check the path"):
        read_idx(tmp_path / "none.gz", dimensions=1)
