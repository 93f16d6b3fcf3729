"""The lock of a run's folder: one process at a time works on it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from annex_actors.base.errors import ConfigError

NAME = "lock"


class RunLock:
    """The lock of a run's folder, held during the block.

    It is the kernel's lock on an open file, which ends with the process that holds it, however that ends. So there are
    no stale locks to detect. The process id in the file is for people only.

    Args:
        folder: the run's.

    Raises:
        ConfigError: on entering, if another process holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._fd = -1

    def __enter__(self) -> Self:
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number = os.pread(fd, 32, 0).decode(errors="replace").strip()
                holder = f"process {number}" if number else "another process"
                os.close(fd)
                raise ConfigError(
                    f"expected a run that no process is working on, got {self._folder}, held by {holder}; "
                    "wait for it, or stop it"
                ) from None
            if self._is_current(fd):
                break
            os.close(fd)  # the holder has just released it and deleted the file: lock the new one
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._fd)

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False
