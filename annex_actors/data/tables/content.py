"""The content of a text file, packed or not."""

from __future__ import annotations

from pathlib import Path

from annex_actors.base.errors import DataError
from annex_actors.base.files import open_file
from annex_actors.data.idx import unpacked


def text_content(path: Path) -> bytes:
    """Return what is in a file, unpacked if its name ends in ``.gz``, without a byte order mark and blank ends.

    Raises:
        OSError: the file cannot be read.
        DataError: damaged compression, more than a gigabyte packed, or UTF-16.
    """
    with open_file(path) as file:
        content = unpacked(file) if path.suffix.lower() == ".gz" else file.read()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError("expected a table in UTF-8, got UTF-16; save it as UTF-8")
    return content.removeprefix(b"\xef\xbb\xbf").rstrip(b" \r\n\x1a") + b"\n"
