"""The trace of a run that goes on, for its page: the newest records, while there is a viewer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

import numpy as np

from annex_actors.page.feed import Record
from annex_actors.page.saved_trace import window_rows
from annex_actors.runtimes.tracing.layout import Records
from annex_actors.runtimes.tracing.tracing import JobTrace

MOST_PARTS = 32
"""Readings that wait for the next look; the oldest are dropped."""

MOST_RECORDS = 360
"""Records of a look, the newest: some 120 pieces of work, each with the message that came and the one that went."""


class LiveTrace:
    """Listens to the trace of a job while there is a viewer.

    Between two looks it listens only until it has as many records as a look shows, and then lets the peers record no
    longer: a page shows a part of what a fast run does in any case, and the rest would be recorded for nothing.

    Args:
        trace: of the job.
    """

    def __init__(self, trace: JobTrace) -> None:
        self._trace = trace
        self._lock = Lock()
        self._is_viewed = self._is_listening = False
        self._listener = self._add  # one object, by which the trace knows it
        self._parts: deque[tuple[Mapping[str, Any], Records]] = deque(maxlen=MOST_PARTS)

    def listen(self) -> None:
        """Begin: from now on the peers record."""
        with self._lock:
            self._is_viewed = True
            self._resume()

    def unlisten(self) -> None:
        """End; what was heard is forgotten."""
        with self._lock:
            self._is_viewed = False
            self._pause()
            self._parts.clear()

    def rows(self) -> Iterator[Record]:
        """Yield the newest work, messages and waits since the last call."""
        with self._lock:
            header, records = self._taken()
            if self._is_viewed:
                self._resume()
        newest = records[np.argsort(records["start"], kind="stable")][-MOST_RECORDS:]
        if len(newest) < len(records):
            yield {"type": "omitted", "records": len(records) - len(newest)}
        if len(newest):
            yield from window_rows(header, newest)

    def _add(self, header: Mapping[str, Any], records: Records) -> None:
        """Keep new records; called in the thread that reads them."""
        with self._lock:
            self._parts.append((header, records))
            if sum(len(each) for _, each in self._parts) >= MOST_RECORDS:
                self._pause()

    def _resume(self) -> None:
        if not self._is_listening:
            self._is_listening = True
            self._trace.listen(self._listener)

    def _pause(self) -> None:
        if self._is_listening:
            self._is_listening = False
            self._trace.unlisten(self._listener)

    def _taken(self) -> tuple[Mapping[str, Any], Records]:
        parts = [self._parts.popleft() for _ in range(len(self._parts))]
        if not parts:
            return {}, np.empty(0, np.dtype([("start", "f8")]))
        return parts[-1][0], np.concatenate([records for _, records in parts])
