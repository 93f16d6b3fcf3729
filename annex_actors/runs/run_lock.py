"""The lock of a run's folder: one process at a time works on it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from annex_actors.base.errors import ConfigError
from annex_actors.base.files import SMALL, open_file, open_in_place, writing

NAME = "lock"


def holder_of(folder: Path) -> int | None:
    """Return the id of the process that works on a run; None: none does.

    What is asked changes nothing: only where the process in the file lives is the lock tried, and given back at once.

    Args:
        folder: the run's.
    """
    try:
        with open_file(folder / NAME, limit=SMALL) as file:
            number = file.read(32).decode(errors="replace").strip()
            pid = int(number) if number.isdecimal() and len(number) < _PID_DIGITS else 0
            if not pid or not psutil.pid_exists(pid):
                return None
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # another process may have this id by now
            return None
    except BlockingIOError:
        return pid
    except OSError:
        return None


_PID_DIGITS = 10


class RunLock:
    """The lock of a run's folder, held during the block.

    It is the kernel's lock on an open file, which ends with the process that holds it, however that ends. So there are
    no stale locks to detect. The process id in the file is for people only.

    Args:
        folder: the run's.

    Raises:
        ConfigError: on entering, if another process holds the lock, or if the folder cannot have one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._fd = -1

    def __enter__(self) -> Self:
        with writing(self._path, "the lock of a run"):
            while True:
                fd = open_in_place(self._path, os.O_RDWR)
                try:
                    if self._is_locked(fd):
                        self._fd = fd
                        return self
                except BaseException:
                    os.close(fd)
                    raise
                os.close(fd)  # the holder has just released it and deleted the file: lock the new one

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the folder may be gone, or read-only by now; the lock ends with the descriptor
            self._path.unlink()
        os.close(self._fd)

    def _is_locked(self, fd: int) -> bool:
        """Lock an open file; return whether it is still the one in the folder."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            number = os.pread(fd, 32, 0).decode(errors="replace").strip()
            holder = f"process {number}" if number.isdecimal() else "another process"
            raise ConfigError(
                f"expected a run that no process is working on, got {self._folder}, held by {holder}; "
                "wait for it, or stop it"
            ) from None
        try:
            if not os.path.samestat(os.fstat(fd), os.lstat(self._path)):
                return False
        except FileNotFoundError:
            return False
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return True
