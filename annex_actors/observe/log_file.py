"""A file that an observer of a run adds to: it is looked at before the run, and made once the run has begun."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from annex_actors.base.files import check_replaceable, writing
from annex_actors.training.atomic_files import write_whole


class LogFile:
    """A file that is replaced, and then added to.

    Args:
        path: the file.
        makes_folders: whether folders above it are made; else its folder is there.

    Raises:
        ConfigError: it cannot be written; nothing is left behind, as a run that is refused leaves nothing.
    """

    def __init__(self, path: Path, *, makes_folders: bool = False) -> None:
        self._path, self._makes_folders = path, makes_folders
        with writing(path.parent if makes_folders else path, "a folder" if makes_folders else "a file"):
            check_replaceable(path)
            _check_folder(path.parent, may_be_missing=makes_folders)

    def replace(self, content: bytes) -> None:
        """Replace the whole file."""
        if self._makes_folders:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, content)

    def add(self, content: bytes) -> None:
        """Add to the end of the file."""
        with self._path.open("ab") as file:
            file.write(content)


def _check_folder(folder: Path, *, may_be_missing: bool) -> None:
    while may_be_missing and not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        there = os.path.lexists(folder)
        raise OSError(errno.ENOTDIR if there else errno.ENOENT, f"{'no folder' if there else 'nothing'} at {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, f"a folder that may not be changed at {folder}")
