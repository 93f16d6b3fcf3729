"""What may be found where a file should be."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's name may not be long
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


def _link_to_pipe(path: Path) -> None:
    os.mkfifo(f"{path}.pipe")
    path.symlink_to(f"{path.name}.pipe")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


STRANGE: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda path: path.mkdir(), "got a folder"),
    "pipe": (os.mkfifo, "got a named pipe"),
    "socket": (_socket, "got a socket"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "got a device"),
    "link to a pipe": (_link_to_pipe, "got a named pipe"),
    "link to nothing": (lambda path: path.symlink_to("nowhere"), "got a link to nothing"),
    "link to itself": (lambda path: path.symlink_to(path.name), "got a loop of links"),
    "huge file": (_sparse, "got one of 1,099,511,627,776 bytes, more than the "),
}
"""By name: how to make it, and how an error describes it."""


def put(path: Path, what: str) -> str:
    """Put something strange in the place of a file; return how an error describes it."""
    make, words = STRANGE[what]
    path.unlink(missing_ok=True)
    make(path)
    return words
