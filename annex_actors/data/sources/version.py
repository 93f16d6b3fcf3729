"""Whether a file is still what it was when it was opened first."""

from __future__ import annotations

import os
from typing import NamedTuple, Self

from annex_actors.base.errors import DataError
from annex_actors.base.words import counted


class Version(NamedTuple):
    """What tells that a file has changed: its size, and when it was written to.

    Args:
        size: in bytes.
        modified_ns: when it was last written to, in nanoseconds.
    """

    size: int
    modified_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Self:
        """Return the version of a file."""
        return cls(found.st_size, found.st_mtime_ns)

    def check(self, now: Version) -> None:
        """Refuse a file that is not of this version. It is checked after reading, and so covers what was read.

        Raises:
            DataError: the file has changed.
        """
        if now != self:
            got = "another content" if now.size == self.size else counted(now.size, "byte")
            raise DataError(
                f"expected the file as it was when it was opened, of {counted(self.size, 'byte')}, got {got}; "
                "leave it alone while it is read, or begin a new training with what it holds now"
            )
