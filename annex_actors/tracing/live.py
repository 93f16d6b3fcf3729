"""The trace of a job that goes on: its newest moments, for as long as somebody looks."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np

from annex_actors.runtimes.tracing.kept import Header
from annex_actors.runtimes.tracing.layout import RECORD, Records
from annex_actors.runtimes.tracing.tracing import JobTrace
from annex_actors.tracing.rows import rows_of
from annex_actors.tracing.trace import Trace

MOST = 400
"""Records of a look, the newest: a picture of more is no clearer, and each costs time."""

MOST_PARTS = 20
"""Readings that are kept between two looks."""

EXPIRES_S = 3.0
"""Seconds after the last look until nothing is recorded any more, unless the trace is kept."""


class LiveTrace:
    """Looks at the trace of a job; the peers record for it only while there are looks.

    Args:
        trace: of the job.
    """

    def __init__(self, trace: JobTrace) -> None:
        self._trace = trace
        self._parts: deque[Records] = deque(maxlen=MOST_PARTS)
        self._header: Header = {}
        self._looked = float("-inf")

    def rows(self) -> list[dict[str, Any]]:
        """Return the newest work, messages and waits since the last call; see `annex_actors.tracing.rows`."""
        is_first = time.monotonic() - self._looked > EXPIRES_S
        self._looked = time.monotonic()
        if is_first:
            self._parts.clear()
            self._trace.listen(self._add)
        parts = [self._parts.popleft() for _ in range(len(self._parts))]
        records = np.concatenate([np.empty(0, RECORD), *parts])
        if not len(records):
            return []
        newest = np.argsort(records["start"], kind="stable")[-MOST:]
        return list(rows_of(Trace(self._header, records[np.sort(newest)])))

    def _add(self, header: Header, records: Records) -> None:
        """Keep new records for the next look; in the thread that reads them."""
        if time.monotonic() - self._looked > EXPIRES_S:
            self._trace.unlisten(self._add)
            return
        self._header = header
        self._parts.append(records)
