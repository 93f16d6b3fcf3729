"""A trace as plain values, the same for each face that shows it: work, messages and waits as JSON, and as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

from annex_actors.tracing.pieces import Flow, Idle, Work
from annex_actors.tracing.recording import Recording

COLUMNS = (
    *("type", "peer", "kind", "letter", "step", "microbatch", "start", "end", "reason", "from", "to", "sent"),
    *("received", "bytes", "incarnation", "version", "mailbox", "credit"),
)
"""The columns of the CSV: every field of the three types; times are seconds since the trace began."""


def rows_of(trace: Recording) -> Iterator[dict[str, Any]]:
    """Yield the pieces of work, the messages and the waits of a trace; times in seconds of the run's clock."""
    for works in trace.work.values():
        yield from map(work_row, works)
    yield from map(flow_row, trace.flows)
    for waits in trace.idle.values():
        yield from map(idle_row, waits)


def work_row(work: Work) -> dict[str, Any]:
    """Return a piece of work as JSON has it."""
    return {
        "type": "work",
        "peer": str(work.peer),
        "kind": work.kind,
        "letter": work.letter,
        "step": work.step,
        "microbatch": work.microbatch,
        "start": work.start,
        "end": work.end,
        "bytes": work.bytes,
        "incarnation": work.incarnation,
        "version": work.version,
        "mailbox": work.mailbox,
        "credit": work.credit,
    }


def flow_row(flow: Flow) -> dict[str, Any]:
    """Return a message as JSON has it."""
    return {
        "type": "message",
        "kind": flow.kind,
        "from": str(flow.sender),
        "to": str(flow.to),
        "step": flow.step,
        "microbatch": flow.microbatch,
        "bytes": flow.bytes,
        "sent": flow.sent,
        "received": flow.received,
        "incarnation": flow.incarnation,
    }


def idle_row(idle: Idle) -> dict[str, Any]:
    """Return a wait as JSON has it."""
    return {
        "type": "idle",
        "peer": str(idle.peer),
        "start": idle.start,
        "end": idle.end,
        "reason": idle.reason,
        "kind": idle.kind,
        "step": idle.step,
        "microbatch": idle.microbatch,
    }


def csv_of(trace: Recording) -> str:
    """Return a trace as CSV, a line for each piece of work, message and wait; times in seconds since it began."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows_of(trace):
        times = {
            name: round(row[name] - trace.begin, 9)
            for name in ("start", "end", "sent", "received")
            if row.get(name) is not None
        }
        writer.writerow({**row, **times})
    return text.getvalue()


def json_of(trace: Recording) -> str:
    """Return a trace as JSON, a line for each piece of work, message and wait; see `rows_of`."""
    return "".join(json.dumps(row) + "\n" for row in rows_of(trace))
