"""Where the socket of a run is: in its folder, under one name, however long the folder's path."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "control"

LONGEST = 107
"""The most bytes of a socket's path on Linux; on some systems it is 103."""


@contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """Yield a path of the folder's socket that is short enough for the system.

    A longer one leads through the folder's descriptor, which is open during the block.

    Raises:
        OSError: the folder cannot be opened.
    """
    path = str(folder / NAME)
    if len(os.fsencode(path)) <= LONGEST:
        yield path
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{NAME}"
    finally:
        os.close(fd)


def listening(folder: Path, backlog: int) -> socket.socket:
    """Return the socket of a run, on which only its user can connect; what a killed job left is replaced.

    Only the process that holds the lock of the folder may call this.

    Raises:
        OSError: there is something else of that name, or the file system has no sockets.
    """
    remove(folder)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(folder) as path:
            made.bind(path)
        os.chmod(folder / NAME, 0o600)
        made.listen(backlog)  # from now on a client can connect, and not before the mode was set
    except BaseException:
        made.close()
        raise
    return made


def remove(folder: Path) -> None:
    """Delete the socket, if there is one; nothing else of that name."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(folder / NAME).st_mode):
            os.unlink(folder / NAME)


def is_own_user(peer: socket.socket) -> bool:
    """Return whether the process at the other end belongs to the user of this one; where the system can tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True  # the mode of the socket alone decides
    content = peer.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", content)
    return bool(user == os.geteuid())
