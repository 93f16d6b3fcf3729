"""The heartbeat of a peer: an instrument that records the beginning and end of each piece of work.

A watchdog reads it from another thread or another process: it is a few numbers and a word in memory that two processes
may share. There are no locks: a reader in the middle of a change sees a piece of work that has just begun.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import TypeAlias
from weakref import ReferenceType

from annex_actors.protocol.effects import Effect
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.protocol.messages import WHOLE_STEP

SIZE = 112
"""Bytes that a heartbeat takes."""

FADING = 0.999
"""The factor by which the longest duration fades with each further piece of work: to half after 700. So one piece that
took long because the machine was suspended does not raise the limit for a hang for good."""

START = "start"
"""The first piece of work of an incarnation, which no message causes."""

Memory: TypeAlias = "bytearray | memoryview"

_BEGAN, _LONGEST, _ANSWERED, _BUSY = range(4)
_WORKED, _STEP, _MICROBATCH, _MOST_KEPT, _HANDLED = range(5)
_WORD = 40
"""Bytes for the name of a message's kind. It is a word and not a number, so that a process can name a user's own kind
without knowing its class."""


class Heartbeat(Instrument):
    """The heartbeat of one incarnation of one peer.

    Args:
        memory: at least `SIZE` writable bytes, all zero at first.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self._times, self._numbers, self._kind = _views(bytearray(SIZE) if memory is None else memory)
        self._peer: ReferenceType[Peer] | None = None

    # The host's side

    def begin(self) -> None:
        """Record that the peer begins to start; the host calls this before there is a node."""
        self._kind[:] = _word("")
        self._times[_BEGAN] = time.monotonic()

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Record that a piece of work begins; `begin` has recorded the start."""
        if item is None:
            self._peer = ReferenceType(peer)
            return
        message = item[1] if isinstance(item, tuple) else item
        self._kind[:] = _word(message.kind)
        numbers = self._numbers
        numbers[_STEP], numbers[_MICROBATCH] = message.step, message.microbatch
        self._times[_BEGAN] = time.monotonic()

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record that a piece of work is done, and how much the peer keeps for its neighbours now."""
        times, numbers = self._times, self._numbers
        took = time.monotonic() - times[_BEGAN]
        times[_BEGAN] = 0.0
        times[_BUSY] += took
        if item is not None and not isinstance(item, tuple):
            numbers[_HANDLED] += 1
            if item.is_work:
                numbers[_WORKED] += 1
        longest = times[_LONGEST] * FADING
        times[_LONGEST] = took if took > longest else longest
        kept = peer.kept_bytes
        if kept > numbers[_MOST_KEPT]:
            numbers[_MOST_KEPT] = kept

    def answer(self) -> None:
        """Record that the host has responded, busy or not."""
        self._times[_ANSWERED] = time.monotonic()

    @property
    def waiting(self) -> int:
        """The number of messages that have reached the peer and are not handled; 0 where it is in another process."""
        peer = None if self._peer is None else self._peer()
        return 0 if peer is None else peer.waiting

    # The watchdog's side

    def detach(self) -> None:
        """Release the memory, which may be that of an open file; the last values can still be read."""
        # A reader has either the old views or the new ones, with the same values.
        self._times, self._numbers, self._kind = _views(bytearray(self.content()))

    def content(self) -> bytes:
        """Return all values, for `follow` in another process."""
        return self._times.tobytes() + self._numbers.tobytes() + self._kind.tobytes()

    def follow(self, content: bytes, behind_s: float) -> None:
        """Take over the values of a heartbeat that is kept elsewhere: its host has just sent them.

        Args:
            content: of the other heartbeat.
            behind_s: how far the clock there is behind this one, in seconds.
        """
        times, numbers, kind = _views(bytearray(content))
        if times[_BEGAN]:
            times[_BEGAN] += behind_s
        times[_ANSWERED] = time.monotonic()
        self._times, self._numbers, self._kind = times, numbers, kind

    @property
    def began(self) -> float | None:
        """The time when the current piece of work began, in monotonic seconds; None between two."""
        return self._times[_BEGAN] or None

    @property
    def longest_s(self) -> float:
        """The duration of the longest piece of work, in seconds; it fades, see `FADING`."""
        return self._times[_LONGEST]

    @property
    def busy_s(self) -> float:
        """How long all finished pieces of work took together, in seconds."""
        return self._times[_BUSY]

    @property
    def answered(self) -> float:
        """The time when the host last responded, in monotonic seconds."""
        return self._times[_ANSWERED]

    @property
    def worked(self) -> int:
        """The number of finished pieces of work on a step: forwards, input gradients, weight gradients."""
        return self._numbers[_WORKED]

    @property
    def handled(self) -> int:
        """The number of messages that the peer's behaviour has handled: all but those about commits and restarts."""
        return self._numbers[_HANDLED]

    @property
    def most_kept_bytes(self) -> int:
        """The most that the peer kept for its neighbours."""
        return self._numbers[_MOST_KEPT]

    @property
    def place(self) -> str:
        """The current piece of work, or the last one: ``forward at step 7 microbatch 2``."""
        kind = self._kind.tobytes().rstrip(b"\0").decode(errors="replace")
        if not kind:
            return START
        step, microbatch = self._numbers[_STEP], self._numbers[_MICROBATCH]
        return f"{kind} at step {step}" + ("" if microbatch == WHOLE_STEP else f" microbatch {microbatch}")


@cache
def _word(kind: str) -> bytes:
    return kind.encode()[:_WORD].ljust(_WORD, b"\0")


def _views(memory: Memory) -> tuple[memoryview[float], memoryview[int], memoryview]:
    """Return the times, the numbers and the word in a heartbeat's memory."""
    view = memoryview(memory)[:SIZE]
    return view[:32].cast("d"), view[32:72].cast("q"), view[72:].cast("B")
