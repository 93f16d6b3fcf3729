"""The trace of a job: a thread of its own reads what the job's peers record, and keeps it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any, Self

import numpy as np

from annex_actors.protocol.events import Event, PeerExited
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.tracing.kept import Header, Keeper
from annex_actors.runtimes.tracing.layout import (
    LITTLE_ROOM,
    MANY,
    NAMES,
    PAUSED,
    RECORD,
    ROOM,
    FedRing,
    Memory,
    Records,
    Ring,
    size_of,
)
from annex_actors.runtimes.tracing.recorder import Recorder, recorder_of
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.stores.shared_log import anonymous_memory

INTERVAL_S = 0.2
"""Seconds between two readings."""

Listener = Callable[[Header, Records], None]
"""Called with new records in the thread that reads them: it must be quick."""


class JobTrace:
    """Records what the peers of one job do; an observer of its events, too.

    Any thread may ask it for a recorder, also one that is killed at the next instruction, so nothing here is locked but
    the reading.

    Args:
        header: what the trace is of.
        scope: which steps are recorded.
        keep: where the records go; None: nowhere, and peers record only while something listens.
        peers: how many record.
    """

    def __init__(self, header: Header, scope: Scope, keep: Keeper | None, peers: int = 1) -> None:
        self.scope = scope
        self._header: dict[str, Any] = {**header, "names": [], "exits": [], "dropped": 0, "is_over": False}
        self._keep = keep
        self._listeners: tuple[Listener, ...] = ()
        self._room = ROOM if peers <= MANY else LITTLE_ROOM
        self._rings: list[tuple[Address, int, Ring | FedRing]] = []
        self._names: dict[str, int] = {}
        self._lost = 0
        self._lock = Lock()
        self._closing = Flag()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        """Begin to read."""
        if self._thread is None:
            self._describe()
            self._thread = Thread(target=self._run, name="trace", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Read for a last time; safe to call twice."""
        self._closing.set()
        if self._thread is not None and not self._header["is_over"]:
            self._thread.join()
            self.read()
            self._lost += sum(ring.dropped for _, _, ring in self._rings)
            self._rings.clear()  # a megabyte of each peer
            self._header["is_over"] = True
            self._describe()

    def recorder(self, address: Address, number: int, clock: Callable[[], float]) -> Recorder:
        """Return what records a new incarnation of a peer in this process."""
        memory = bytearray(size_of(self._room))
        self._add_ring(address, number, memory)
        return recorder_of(memory, self.scope, clock)

    def memory_of(self, address: Address, number: int) -> int:
        """Return the descriptor of memory for a new incarnation in another process; the caller closes it."""
        fd = anonymous_memory("trace")
        os.ftruncate(fd, size_of(self._room))
        self._add_ring(address, number, memoryview(mmap.mmap(fd, size_of(self._room))))
        return fd

    def fed(self, address: Address, number: int) -> FedRing:
        """Return what is to be fed with the records of a new incarnation on another machine."""
        ring = FedRing()
        ring.counts[PAUSED] = not self.is_watched
        self._rings.append((address, number, ring))
        return ring

    def listen(self, listener: Listener) -> None:
        """Call a function with all records from now on, or soon after: a peer begins to record with its next step."""
        self._listeners = (*(each for each in self._listeners if each != listener), listener)
        self._pause()

    def unlisten(self, listener: Listener) -> None:
        """Call a function no longer."""
        self._listeners = tuple(each for each in self._listeners if each != listener)
        self._pause()

    @property
    def is_watched(self) -> bool:
        """Whether peers are to record: for what keeps the records, or for a listener."""
        return self._keep is not None or bool(self._listeners)

    def on_event(self, event: Event) -> None:
        """Keep when peers ended."""
        if isinstance(event, PeerExited):
            known = {"peer": str(event.address), "time": event.time, "reason": event.reason, "orderly": event.orderly}
            self._header["exits"].append(known)

    def read(self) -> None:
        """Keep what was recorded since the last reading."""
        with self._lock:
            rings = list(self._rings)
            newest = {address: ring for address, _, ring in rings}
            known = len(self._names)
            records = self._taken(rings)
            for each in rings:
                if each[2] is not newest[each[0]]:  # it has ended, since there is a newer incarnation
                    self._lost += each[2].dropped
                    self._rings.remove(each)
            if len(records):
                self._add(records, is_new=known < len(self._names))

    def _add_ring(self, address: Address, number: int, memory: Memory) -> None:
        ring = Ring(memory)
        ring.counts[PAUSED] = not self.is_watched
        self._rings.append((address, number, ring))

    def _pause(self) -> None:
        for _, _, ring in list(self._rings):
            ring.counts[PAUSED] = not self.is_watched

    def _add(self, records: Records, *, is_new: bool) -> None:
        if is_new:  # before the records that need it: they may be read at any time
            self._describe()
        self._lost += 0 if self._keep is None else self._keep.add(records)
        for listener in self._listeners:
            listener(self._header, records)

    def _describe(self) -> None:
        dropped = self._lost + sum(ring.dropped for _, _, ring in self._rings)
        self._header.update(names=list(self._names), dropped=dropped)
        if self._keep is not None:
            self._keep.describe(self._header)

    def _taken(self, rings: Sequence[tuple[Address, int, Ring | FedRing]]) -> Records:
        """Return what was written into rings, with names that the whole trace shares.

        All at once: NumPy lets other threads run at each call, and waits until it may go on.
        """
        content = bytearray()
        counts = [ring.take(content) for _, _, ring in rings]
        records = np.frombuffer(content, RECORD)
        shared = np.zeros((len(rings), NAMES), np.uint8)
        for row, count, (_, _, ring) in zip(shared, counts, rings, strict=True):
            names = [self._index(name) for name in ring.names] if count else []
            row[: len(names)] = names
        places = np.repeat(np.arange(len(rings)) * NAMES, counts)
        for field in ("kind", "role", "own_role") if content else ():
            records[field] = shared.reshape(-1).take(places + records[field])
        return records

    def _index(self, name: str) -> int:
        return self._names.setdefault(name, min(len(self._names), 255))

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL_S):
            self.read()


class Tracing:
    """What is traced of the jobs that are started with it, and where that goes.

    Args:
        scope: which steps.
        keep: makes the place for the records of each job; None: see `JobTrace`.
    """

    def __init__(self, scope: Scope, keep: Callable[[], Keeper] | None) -> None:
        self.scope = scope
        self._keep = keep
        self.jobs: list[JobTrace] = []

    def of_job(self, header: Header, peers: int, near: int = 1) -> JobTrace:
        """Return the trace of a job, which the job enters at its start.

        Args:
            header: what it is of.
            peers: how many record.
            near: see `Scope`.
        """
        scope = replace(self.scope, near=near)
        job = JobTrace({**header, "scope": str(scope)}, scope, self._keep() if self._keep else None, peers)
        self.jobs.append(job)
        return job

    def close(self) -> None:
        """End all traces."""
        for job in self.jobs:
            job.__exit__()


_ACTIVE: ContextVar[Tracing | None] = ContextVar("tracing", default=None)


def active() -> Tracing | None:
    """Return what traces the jobs that are started in this context; None: nothing."""
    return _ACTIVE.get()


@contextmanager
def activated(tracing: Tracing) -> Iterator[None]:
    """Trace the jobs that are started in the block, in this thread; at its end their traces are whole."""
    token = _ACTIVE.set(tracing)
    try:
        yield
    finally:
        _ACTIVE.reset(token)
        tracing.close()
