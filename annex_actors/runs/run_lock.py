"""Who works on a run's folder: one job at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from annex_actors.base.errors import ConfigError

NAME = "lock"


class RunLock:
    """The lock of a run's folder, held while the block lasts.

    It is the kernel's lock on an open file, and so ends with the process that holds it, however that ends: there are no
    stale ones, and nobody has to guess whether a number in a file is still the process that wrote it. The number is
    there for people.

    Args:
        folder: of the run.

    Raises:
        ConfigError: another process works there, on entering.
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
                holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "another"
                os.close(fd)
                raise ConfigError(
                    f"expected a run that nobody works on, got {self._folder}, on which process {holder} does; "
                    "wait for it, or stop it"
                ) from None
            if self._is_current(fd):
                break
            os.close(fd)  # whoever held it has just let go of it, and deleted the file
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
