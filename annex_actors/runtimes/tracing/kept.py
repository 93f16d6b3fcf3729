"""Where the records of a trace go; see `annex_actors.runs.trace_files` for those of a run that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from annex_actors.runtimes.tracing.layout import RECORD, Records

MOST_IN_MEMORY = 2_000_000
"""Records that are kept in memory: 160 MB."""

Header = Mapping[str, Any]


class Keeper(Protocol):
    """Keeps the records of one job."""

    def add(self, records: Records) -> int:
        """Keep more records; return how many of them there was no room for."""

    def describe(self, header: Header) -> None:
        """Keep what the trace is of: at its beginning, where a name is new, and at its end."""


class InMemory:
    """Keeps records in memory."""

    def __init__(self) -> None:
        self.header: Header = {}
        self._parts: list[Records] = []
        self._length = 0

    @property
    def records(self) -> Records:
        """All records, those of one peer in their order."""
        return np.concatenate([np.empty(0, RECORD), *self._parts])

    def add(self, records: Records) -> int:
        """Keep more records."""
        kept = records[: max(0, MOST_IN_MEMORY - self._length)]
        self._parts.append(kept)
        self._length += len(kept)
        return len(records) - len(kept)

    def describe(self, header: Header) -> None:
        """Keep what the trace is of."""
        self.header = header
