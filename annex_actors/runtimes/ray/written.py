"""What the process of an actor writes to its standard output and standard error: Ray keeps it in files of its node."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

MOST = 1 << 16
"""Bytes that are read at a time; of more than that only the last are."""

_OWN = (b":job_id:", b":actor_name:", b":task_name:")
"""How lines begin that Ray itself adds."""


class WrittenFile(NamedTuple):
    """A file that a process writes to, and how much of it has been read.

    Args:
        path: of the file.
        read: bytes from its beginning.
    """

    path: str
    read: int

    def rest(self, *, torn: bool = False) -> tuple[WrittenFile, str]:
        """Return the file as it is read now, and what was not read before.

        Args:
            torn: whether a last line without an end is wanted, since nothing more will come.
        """
        with suppress(OSError), open(self.path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = max(self.read, size - MOST)
            file.seek(begin)
            content = file.read(size - begin)
            end = len(content) if torn else content.rfind(b"\n") + 1
            lines = [line for line in content[:end].splitlines() if not line.startswith(_OWN)]
            return WrittenFile(self.path, begin + end), b"\n".join(lines).decode(errors="replace")
        return self, ""


class Written:
    """The two files of a process: what is read of them now, and from where on they are read later.

    Args:
        files: of standard output and standard error.
    """

    def __init__(self, files: tuple[WrittenFile, ...]) -> None:
        self.files = files

    @classmethod
    def here(cls) -> Written:
        """Return those of this process, from now on; none where its output is in no file."""
        found = []
        for descriptor in (1, 2):
            with suppress(OSError):
                path = os.readlink(f"/proc/self/fd/{descriptor}")
                if os.path.isfile(path):
                    found.append(WrittenFile(path, os.path.getsize(path)))
        return cls(tuple(found))

    def new(self, *, torn: bool = False) -> str:
        """Return what was written since the last call, standard output first."""
        read = [each.rest(torn=torn) for each in self.files]
        self.files = tuple(file for file, _ in read)
        return "\n".join(text for _, text in read if text)


class Printed(NamedTuple):
    """What an actor has written.

    Args:
        text: the lines.
        files: as they are read now.
    """

    text: str
    files: tuple[WrittenFile, ...]


READ_S = 5.0
"""Seconds to wait for what an actor wrote before it died."""


def last_words(node: str, files: tuple[WrittenFile, ...]) -> str:
    """Return what an actor that has died wrote at last; nothing if its node does not say.

    Args:
        node: the id of its node.
        files: as far as they are read.
    """
    on_node = NodeAffinitySchedulingStrategy(node, soft=False)
    read = ray.remote(num_cpus=0, max_retries=0)(_rest).options(scheduling_strategy=on_node)
    with suppress(RayError):
        text: str = ray.get(read.remote(files), timeout=READ_S)
        return text
    return ""


def _rest(files: tuple[WrittenFile, ...]) -> str:
    return Written(files).new(torn=True)
