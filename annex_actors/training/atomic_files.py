"""Write files atomically: a file is whole, or it does not exist."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file under a temporary name beside ``path``, and rename it once it is on the disk.

    A reader of ``path`` finds the old content or the new content, at any time and after any crash.

    Raises:
        OSError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        with temporary.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except BaseException:  # Ctrl-C too must leave no half-written file
        temporary.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Flush a folder to the disk: else a power failure may lose the new name of a file."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
