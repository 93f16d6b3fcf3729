"""The records of a trace as bytes, and the memory in which a peer leaves them for the process that supervises it.

A peer writes its records into a ring of memory, which two processes may share. So to record is to write some seventy
bytes: nothing is sent, nothing waits, and what a peer has recorded is there when it is killed at the next instruction.
Where the ring is full, the record is dropped and counted.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Memory: TypeAlias = "bytearray | memoryview"

RECEIVED, SENT, WORKED = range(3)
"""What a record is of: a message taken from the inbox, a message sent, a piece of work."""

HEAD_FIELDS = struct.Struct("<BBBBiiI")
"""How a record begins: what; kind, role and own role, as indices of names; the other peer's number and the own one, -1
for none; the own incarnation. A peer makes few of these, and each once."""

MESSAGE = struct.Struct(f"<{HEAD_FIELDS.size}sIiqqq8xd8x")
"""A record of a message: its beginning; the sender's incarnation, as the store counts; edge, step, microbatch; bytes of
arrays; when it was received or sent, in seconds."""

WORK = struct.Struct(f"<{HEAD_FIELDS.size}sIiqq8xqdd")
"""A record of work: its beginning; incarnation, edge, step, microbatch; finished steps; start and end, in seconds."""

RECORD = np.dtype(
    [
        ("what", "u1"),
        ("kind", "u1"),
        ("role", "u1"),
        ("own_role", "u1"),
        ("number", "<i4"),
        ("own_number", "<i4"),
        ("own_incarnation", "<u4"),
        ("incarnation", "<u4"),
        ("edge", "<i4"),
        ("step", "<i8"),
        ("microbatch", "<i8"),
        ("bytes", "<i8"),
        ("version", "<i8"),
        ("start", "<f8"),
        ("end", "<f8"),
    ]
)
"""A record, as a peer writes it and as a trace keeps it; there its names are those that the whole trace shares.

``role`` and ``number`` are the other end of a message, ``own_role`` and ``own_number`` the peer that recorded it;
``incarnation`` is the sender's, ``own_incarnation`` the peer's; ``start`` is when a message was sent or received, or
when a piece of work began; ``end`` is when it was done, its messages sent and its commit made.
"""

Records: TypeAlias = NDArray[np.void]

COUNTS, NAMES, NAME = 64, 64, 40
"""Bytes of the counts at the beginning of a ring; how many names follow, and the bytes of each."""

HEAD = COUNTS + NAMES * NAME
"""Bytes before the first record."""

WRITTEN, READ, DROPPED, NAMED, PAUSED = range(5)
"""The counts: records written, read, dropped for lack of room; names; and 1 while the reader wants no records."""

ROOM = 1 << 14
"""Records that a ring has room for: more than a peer writes between two readings."""

LITTLE_ROOM = 1 << 10
"""The same where a run has more than `MANY` peers, so that their rings do not fill the memory."""

MANY = 64


def size_of(room: int) -> int:
    """Return the bytes of a ring with room for so many records."""
    return HEAD + room * RECORD.itemsize


class Ring:
    """A ring of records: one thread writes, another reads, and neither waits for the other.

    Args:
        memory: of `size_of` bytes, all zero at first.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memoryview(memory)
        self.counts = self.memory[:COUNTS].cast("q")
        self.body = self.memory[HEAD:]
        self.room = len(self.body) // RECORD.itemsize

    def name(self, text: str) -> int:
        """Add a name, and return its index; all for which there is no room have the last one. For the writer."""
        index = min(self.counts[NAMED], NAMES - 1)
        start = COUNTS + index * NAME
        self.memory[start : start + NAME] = text.encode()[:NAME].ljust(NAME, b"\0")
        self.counts[NAMED] = index + 1
        return index

    @property
    def dropped(self) -> int:
        """How many records were dropped."""
        return self.counts[DROPPED]

    @property
    def names(self) -> list[str]:
        """The names so far, in the order of their indices."""
        content = self.memory[COUNTS : COUNTS + self.counts[NAMED] * NAME].tobytes()
        pieces = (content[start : start + NAME] for start in range(0, len(content), NAME))
        return [each.rstrip(b"\0").decode(errors="replace") for each in pieces]

    def take(self, into: bytearray) -> int:
        """Move what was written since the last call to the end of ``into``; return how many records. For the reader."""
        counts, size = self.counts, RECORD.itemsize
        read, written = counts[READ], counts[WRITTEN]
        if read < written:
            first, last = read % self.room * size, ((written - 1) % self.room + 1) * size
            spans = [(first, last)] if first < last else [(first, self.room * size), (0, last)]
            for start, end in spans:
                into += self.body[start:end]
            counts[READ] = written
        return written - read


class FedRing:
    """The ring of a peer on another machine, as its reader sees it: fed with what is taken from the ring there."""

    def __init__(self) -> None:
        self.counts = [0] * (PAUSED + 1)
        self.names: list[str] = []
        self._parts: deque[Records] = deque()

    @property
    def dropped(self) -> int:
        """How many records were dropped there."""
        return self.counts[DROPPED]

    def feed(self, names: list[str], content: bytes, dropped: int, behind_s: float) -> None:
        """Add what was taken there.

        Args:
            names: all so far.
            content: the records.
            dropped: how many were dropped so far.
            behind_s: how far the clock there is behind the one here, in seconds.
        """
        records = np.frombuffer(content, RECORD).copy()
        for name in ("start", "end"):
            records[name] += behind_s
        self.names, self.counts[DROPPED] = names, dropped
        self._parts.append(records)

    def take(self, into: bytearray) -> int:
        """Move what was added since the last call to the end of ``into``; return how many records."""
        count = 0
        for _ in range(len(self._parts)):
            records = self._parts.popleft()
            into += records.tobytes()
            count += len(records)
        return count
