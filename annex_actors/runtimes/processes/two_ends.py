"""The two ends of a connection between two processes, as open files."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

from annex_actors.runtimes.processes.slab import new_slab

FILES = 3
"""The open files of an end: a socket, and two slabs, for the arrays to the peer and for those from it."""


def two_ends() -> tuple[list[int], list[int]]:
    """Return the two ends of a new connection, each as the open files that `Connect` is sent with.

    Raises:
        OSError: the system allows no more open files.
    """
    with ExitStack() as made:

        def kept(fd: int) -> int:
            made.callback(os.close, fd)
            return fd

        one, other = (kept(each.detach()) for each in socket.socketpair())
        there, back = kept(new_slab()), kept(new_slab())
        ends = [one, there, back], [other, kept(os.dup(back)), kept(os.dup(there))]
        made.pop_all()
        return ends
