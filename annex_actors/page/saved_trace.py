"""The trace of a run that is kept, as much of it as a page can show."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from annex_actors.page.feed import Record
from annex_actors.runs.run_directory import TRACE
from annex_actors.runtimes.tracing.layout import Records
from annex_actors.tracing.rows import rows_of
from annex_actors.tracing.trace import Trace
from annex_actors.tracing.trace_reader import read_trace
from annex_actors.tracing.waits import FINISHED, NOT_STARTED

MOST_RECORDS = 24_000
"""Records of a trace that a page has, 8 MB of it."""

MOST_DEATHS = 8
"""Deaths around which a long trace is kept, the first ones."""


def trace_of(path: Path, deaths: Sequence[float]) -> Iterator[Record]:
    """Yield work, messages and waits of a run's trace in the order of their times; nothing if it was not traced.

    Of a long trace these are its beginning, its end, and what was around the first deaths.

    Args:
        path: the run's folder.
        deaths: the times of its deaths, in seconds of the run's clock.

    Raises:
        DataError: the trace is damaged, or has no record.
    """
    if not os.path.lexists(path / TRACE):
        return
    trace = read_trace(path)
    records = trace.records[np.argsort(trace.records["start"], kind="stable")]
    parts = _parts(records["start"], deaths[:MOST_DEATHS])
    left_out = len(records) - sum(end - begin for begin, end in parts)
    if left_out:
        yield {"type": "omitted", "records": left_out}
        for begin, end in parts:
            yield from sorted(window_rows(trace.header, records[begin:end]), key=_when)
    else:
        yield from sorted((row for row in rows_of(trace) if row.get("sent", 0.0) is not None), key=_when)


def window_rows(header: Mapping[str, Any], records: Records) -> Iterator[Record]:
    """Yield work, messages and waits of a part of a trace.

    What a part begins or ends with is no start or end of a peer, and a message is not lost because its other end lies
    outside: so waits for these are left out, and messages without both ends.

    Args:
        header: of the trace.
        records: at least one, those of one peer in their order.
    """
    for row in rows_of(Trace(header, records)):
        is_edge = row.get("reason") in (NOT_STARTED, FINISHED)
        is_cut = row["type"] == "message" and None in (row["sent"], row["received"])
        if not is_edge and not is_cut:
            yield row


def _parts(times: Any, deaths: Sequence[float]) -> list[tuple[int, int]]:
    """Return the ranges of the records to keep, in order and apart from each other."""
    count = len(times)
    if count <= MOST_RECORDS:
        return [(0, count)]
    room = MOST_RECORDS // (2 + len(deaths))
    middles = [int(np.searchsorted(times, death)) for death in deaths]
    begins = [0, *(max(0, middle - room // 2) for middle in middles), count - room]
    ranges = sorted((begin, min(count, begin + room)) for begin in begins)
    merged = [ranges[0]]
    for begin, end in ranges[1:]:
        if begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _when(row: Record) -> float:
    time: float = row["sent"] if row["type"] == "message" else row["start"]
    return time
