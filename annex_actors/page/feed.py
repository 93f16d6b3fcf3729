"""Carry a run's records from its threads to the viewers of its page: bounded everywhere, and nothing waits.

Any thread puts records into a `Feed`. The thread of the server, which alone calls the other methods, gathers them at
each tick into a chunk: text that is encoded once for all viewers. A viewer holds no queue, only the number of the next
chunk that it wants. One that is so slow that its chunk is gone begins again with what is kept for newcomers. So a
viewer that never reads costs a run nothing, and memory depends neither on viewers nor on how long the run takes.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from annex_actors.page.costs import CostCurve

Record: TypeAlias = Mapping[str, Any]
"""What a page reads: a value that JSON can hold, with its kind under ``type``."""

Look: TypeAlias = Callable[[], Iterable[Record]]
"""Looks at a run as it is now, in the thread of the server: its status, and what was traced since the last look."""

TRACE = frozenset({"work", "message", "idle"})
"""The kinds of records of a trace, of which a viewer sees the newest."""

MOST_EVENTS = 2_000
"""Records other than those of a trace that are kept for newcomers; the first `FIRST_EVENTS` stay for ever."""

FIRST_EVENTS = 300

MOST_TRACED = 2_000
"""Records of a trace that are kept for newcomers, the newest."""

TRACED_PER_TICK = 600
"""Records of a trace in a chunk, the newest: a picture with more is no clearer, and each costs the server time."""

MOST_WAITING = 20_000
"""Records that wait for the next tick; the oldest are dropped."""

MOST_CHUNKS = 16
"""Chunks that are kept for viewers that are slow."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records as lines of text.

    Args:
        text: in the form of server-sent events.
        next: the number of the chunk after it.
    """

    text: bytes
    next: int


class Feed:
    """The records of a run, for any number of viewers."""

    def __init__(self) -> None:
        self._numbers = count()
        self._waiting: deque[tuple[int, Record]] = deque(maxlen=MOST_WAITING)
        self._expected = 0
        self._first: list[str] = []
        self._events: deque[str] = deque(maxlen=MOST_EVENTS)
        self._traced: deque[Record] = deque(maxlen=MOST_TRACED)
        self._costs = CostCurve()
        self._status: Record | None = None
        self._chunks: deque[bytes] = deque(maxlen=MOST_CHUNKS)
        self._next = 0
        self._beginning: Chunk | None = None

    def put(self, record: Record) -> None:
        """Add a record; may be called from any thread, and never waits.

        Besides the records that a page reads, ``{"type": "cost", "step": 7, "cost": 0.2}`` is the cost of one step.
        """
        self._waiting.append((next(self._numbers), record))

    def tick(self, look: Look | None = None) -> None:
        """Make a chunk of what was put since the last tick, and of what a look at the run shows.

        Args:
            look: how to look at the run; None: there is no viewer, so it is not looked at, and nothing is encoded.
        """
        for record in () if look is None else look():
            self.put(record)
        fresh = list(self._gathered())
        if fresh:
            self._beginning = None
        if look is None:
            self._chunks.clear()
        elif fresh:
            self._chunks.append(_message(map(encoded, fresh)))
            self._next += 1

    def beginning(self) -> Chunk:
        """Return all that is kept, for a viewer that begins; its page forgets what it has seen."""
        if self._beginning is None:
            status = [] if self._status is None else [self._status]
            others = map(encoded, [*self._costs.records(), *self._traced, *status])
            text = b"event: begin\n" + _message([*self._first, *self._events, *others])
            self._beginning = Chunk(text, self._next)
        return self._beginning

    def after(self, number: int) -> Chunk | None:
        """Return the chunks from a number on; None if there is none yet; all that is kept if one of them is gone."""
        missing = self._next - number
        if missing == 0:
            return None
        if missing > len(self._chunks):
            return self.beginning()
        return Chunk(b"".join(list(self._chunks)[-missing:]), self._next)

    def _gathered(self) -> Iterator[Record]:
        """Take what waits: keep it for newcomers, and yield what is new to viewers."""
        traced: list[Record] = []
        for number, record in self._taken():
            left_out, self._expected = number - self._expected, number + 1
            if left_out:
                yield {"type": "omitted", "records": left_out}
            if record["type"] in TRACE:
                traced.append(record)
            elif record["type"] == "status":
                self._status = record
                yield record
            elif record["type"] == "cost":
                self._costs.add(record["step"], record["cost"], record.get("time"))
            else:
                self._keep(record)
                yield record
        yield from self._costs.fresh()
        yield from self._newest(traced)

    def _taken(self) -> Iterator[tuple[int, Record]]:
        for _ in range(len(self._waiting)):
            yield self._waiting.popleft()

    def _keep(self, record: Record) -> None:
        kept = self._first if len(self._first) < FIRST_EVENTS else self._events
        kept.append(encoded(record))

    def _newest(self, traced: list[Record]) -> Iterator[Record]:
        """Yield the newest records of a trace by their times, since each peer's come in batches of its own."""
        self._traced.extend(traced)
        left_out = len(traced) - TRACED_PER_TICK
        if left_out > 0:
            yield {"type": "omitted", "records": left_out}
        yield from sorted(traced, key=_when)[-TRACED_PER_TICK:]


def _when(record: Record) -> float:
    time: float = record["sent"] if record["type"] == "message" else record["start"]
    return time


def encoded(record: Record) -> str:
    """Return a record as a line of JSON, without characters beyond ASCII."""
    return json.dumps(record, separators=(",", ":"), allow_nan=False)


def _message(lines: Iterable[str]) -> bytes:
    """Return lines as one message of server-sent events."""
    return "".join([*(f"data: {line}\n" for line in lines), "\n"]).encode()
