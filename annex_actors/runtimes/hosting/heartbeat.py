"""What a peer is at, where others can see it: written by its host around every piece of work.

A watcher reads it from another thread or, since it is a few numbers in a piece of memory that two processes may share,
from another process. There are no locks: who reads in the middle of a change sees a piece of work that has just begun.
"""

from __future__ import annotations

import time
from typing import TypeAlias

from annex_actors.protocol.messages import KINDS, WHOLE_STEP, Backward, Forward, Message, WeightGradient
from annex_actors.protocol.node import Piece

SIZE = 96
"""Bytes that a beacon takes."""

FADING = 0.999
"""What is left of the memory of a long piece of work after each further one: half after 700. So one piece that took
long because the machine stood still does not put off for good what counts as a hang."""

Memory: TypeAlias = "bytearray | memoryview"

_BEGAN, _LONGEST, _ANSWERED = range(3)
_WORKED, _KIND, _STEP, _MICROBATCH, _MOST_KEPT = range(5)
_KINDS = tuple(KINDS)
_INDEX = {kind: index for index, kind in enumerate(_KINDS)}
_COUNTED = (Forward, Backward, WeightGradient)


class Heartbeat:
    """The beacon of one life of one peer.

    Args:
        memory: at least `SIZE` bytes, writable; zeros in the beginning.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self._times, self._numbers = _views(bytearray(SIZE) if memory is None else memory)

    # The host's side

    def begin(self, piece: Piece | None) -> None:
        """Note that a piece of work begins; None: the start."""
        message: Message | None = piece[1] if isinstance(piece, tuple) else piece
        numbers = self._numbers
        numbers[_KIND] = -1 if message is None else _INDEX[type(message)]
        if message is not None:
            numbers[_STEP], numbers[_MICROBATCH] = message.step, message.microbatch
        self._times[_BEGAN] = time.monotonic()

    def end(self, piece: Piece | None, kept_bytes: int) -> None:
        """Note that it is done, and how much its peer keeps for others now."""
        times, numbers = self._times, self._numbers
        took = time.monotonic() - times[_BEGAN]
        times[_BEGAN] = 0.0
        if isinstance(piece, _COUNTED):
            numbers[_WORKED] += 1
        times[_LONGEST] = max(took, times[_LONGEST] * FADING)
        if kept_bytes > numbers[_MOST_KEPT]:
            numbers[_MOST_KEPT] = kept_bytes

    def answer(self) -> None:
        """Note that the host, whatever its peer is at, hears."""
        self._times[_ANSWERED] = time.monotonic()

    # The watcher's side

    def detach(self) -> None:
        """Let go of the memory, which may be an open file's, and keep what it shows last; to be read as before."""
        content = bytearray(self._times.tobytes() + self._numbers.tobytes())
        self._times, self._numbers = _views(content)  # a reader has either the old or the new; both show the same

    @property
    def began(self) -> float | None:
        """When the piece of work at hand began, in monotonic seconds; None between two."""
        return self._times[_BEGAN] or None

    @property
    def longest_s(self) -> float:
        """How long the longest piece of work took, in seconds; it fades, see `FADING`."""
        return self._times[_LONGEST]

    @property
    def answered(self) -> float:
        """When the host answered last, in monotonic seconds."""
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
        """The piece of work at hand, or the last one: ``forward at step 7 microbatch 2``."""
        numbers = self._numbers
        if numbers[_KIND] < 0:
            return "start"
        kind, step, microbatch = KINDS[_KINDS[numbers[_KIND]]], numbers[_STEP], numbers[_MICROBATCH]
        return f"{kind} at step {step}" + ("" if microbatch == WHOLE_STEP else f" microbatch {microbatch}")


def _views(memory: Memory) -> tuple[memoryview[float], memoryview[int]]:
    """Return the times and the numbers in a beacon's memory."""
    view = memoryview(memory)[:SIZE]
    return view[:48].cast("d"), view[48:].cast("q")
