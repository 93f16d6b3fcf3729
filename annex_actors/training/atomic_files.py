"""Write files atomically: a file is whole, or it does not exist."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from annex_actors.base.files import check_replaceable

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{12}")
"""The name of a file while it is written: its final name, with a dot before and a random number behind."""


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file with this content; see `writing_whole`."""
    with writing_whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def writing_whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file in the block under a temporary name beside ``path``, and rename it once it is on the disk.

    A reader of ``path`` finds the old content or the new content, at any time and after any crash. A link at ``path``
    is replaced, and not followed; a folder, pipe or device is left as it is. An error in the block leaves nothing.

    Raises:
        OSError: the folder cannot be written, the disk is full, or ``path`` is no file; nothing is left behind.
    """
    check_replaceable(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except BaseException:  # Ctrl-C too must leave no half-written file
        temporary.unlink(missing_ok=True)
        raise


def sweep(folder: Path, is_ours: Callable[[str], bool]) -> None:
    """Delete the temporary files that `write_whole` left when its process was killed, and nothing else.

    Args:
        folder: where to look; it need not exist.
        is_ours: whether a final name is one that this package writes in that folder.

    Raises:
        OSError: the folder cannot be read or changed.
    """
    if not os.path.lexists(folder):
        return
    for path in list(folder.iterdir()):
        named = _TEMPORARY.fullmatch(path.name)
        if named and is_ours(named["name"]) and (path.is_symlink() or path.is_file()):
            path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Flush a folder to the disk: else a power failure may lose the new name of a file."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
