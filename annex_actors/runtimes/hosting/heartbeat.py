"""What a peer is doing, where others can see it: an instrument that notes the beginning and end of each piece of work.

A watchdog reads it from another thread; or from another process, since it is a few numbers and a word in a piece of
memory that two processes may share. There are no locks: a reader in the middle of a change sees a piece of work that
has just begun.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

from annex_actors.protocol.effects import Effect
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.protocol.messages import WHOLE_STEP

SIZE = 96
"""Bytes that a heartbeat takes."""

FADING = 0.999
"""What is left of the memory of a long piece of work after each further one: half after 700. So one piece that took
long because the machine stood still does not put off for good what counts as a hang."""

Memory: TypeAlias = "bytearray | memoryview"

_BEGAN, _LONGEST, _ANSWERED = range(3)
_WORKED, _STEP, _MICROBATCH, _MOST_KEPT = range(4)
_WORD = 40
"""Bytes for the name of a message's kind. It is a word and no number, so that a kind of a user's own can be named in a
process that does not know its class."""


class Heartbeat(Instrument):
    """The heartbeat of one incarnation of one peer.

    Args:
        memory: at least `SIZE` bytes, writable; zeros in the beginning.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self._times, self._numbers, self._kind = _views(bytearray(SIZE) if memory is None else memory)

    # The host's side

    def begin(self) -> None:
        """Note that the start begins; the host calls this before there is a node."""
        self._kind[:] = _word("")
        self._times[_BEGAN] = time.monotonic()

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Note that a piece of work begins; the start has begun before."""
        if item is None:
            return
        message = item[1] if isinstance(item, tuple) else item
        self._kind[:] = _word(message.kind)
        numbers = self._numbers
        numbers[_STEP], numbers[_MICROBATCH] = message.step, message.microbatch
        self._times[_BEGAN] = time.monotonic()

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Note that it is done, and how much its peer keeps for others now."""
        times, numbers = self._times, self._numbers
        took = time.monotonic() - times[_BEGAN]
        times[_BEGAN] = 0.0
        if item is not None and not isinstance(item, tuple) and item.is_work:
            numbers[_WORKED] += 1
        times[_LONGEST] = max(took, times[_LONGEST] * FADING)
        kept = peer.kept_bytes
        if kept > numbers[_MOST_KEPT]:
            numbers[_MOST_KEPT] = kept

    def answer(self) -> None:
        """Note that the host responds, whether its peer is at work or not."""
        self._times[_ANSWERED] = time.monotonic()

    # The watchdog's side

    def detach(self) -> None:
        """Release the memory, which may be an open file's, and keep what it shows last; to be read as before."""
        content = bytearray(self._times.tobytes() + self._numbers.tobytes() + self._kind.tobytes())
        # A reader has either the old views or the new ones; both show the same.
        self._times, self._numbers, self._kind = _views(content)

    @property
    def began(self) -> float | None:
        """When the current piece of work began, in monotonic seconds; None between two."""
        return self._times[_BEGAN] or None

    @property
    def longest_s(self) -> float:
        """How long the longest piece of work took, in seconds; it fades, see `FADING`."""
        return self._times[_LONGEST]

    @property
    def answered(self) -> float:
        """When the host responded last, in monotonic seconds."""
        return self._times[_ANSWERED]

    @property
    def worked(self) -> int:
        """How many pieces of work on a step were done: forwards, input gradients, weight gradients."""
        return self._numbers[_WORKED]

    @property
    def most_kept_bytes(self) -> int:
        """The most that was kept for others."""
        return self._numbers[_MOST_KEPT]

    @property
    def place(self) -> str:
        """The current piece of work, or the last one: ``forward at step 7 microbatch 2``."""
        kind = self._kind.tobytes().rstrip(b"\0").decode(errors="replace")
        if not kind:
            return "start"
        step, microbatch = self._numbers[_STEP], self._numbers[_MICROBATCH]
        return f"{kind} at step {step}" + ("" if microbatch == WHOLE_STEP else f" microbatch {microbatch}")


@cache
def _word(kind: str) -> bytes:
    return kind.encode()[:_WORD].ljust(_WORD, b"\0")


def _views(memory: Memory) -> tuple[memoryview[float], memoryview[int], memoryview]:
    """Return the times, the numbers and the word in a heartbeat's memory."""
    view = memoryview(memory)[:SIZE]
    return view[:24].cast("d"), view[24:56].cast("q"), view[56:].cast("B")
