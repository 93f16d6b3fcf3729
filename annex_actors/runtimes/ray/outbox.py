"""What the peer of an actor has to say to the supervising process, until a call fetches it."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.tracing.layout import Ring

BEAT_S = 0.25
"""Seconds after which the heartbeat is sent even if there is nothing to say."""


class Batch(NamedTuple):
    """What one call fetches.

    Args:
        time: when it was sent, on the clock of the actor's machine.
        heartbeat: see `Heartbeat.content`; empty: there is no peer yet.
        messages: in their order.
        traced: of the trace all names so far, the records since the last time, and how many were dropped; None: no
            trace, or nothing new.
    """

    time: float
    heartbeat: bytes
    messages: list[Any]
    traced: tuple[list[str], bytes, int] | None


class Outbox:
    """The messages for the supervising process; any thread may put some in, one takes them out."""

    def __init__(self) -> None:
        self.ring: Ring | None = None
        """Where the peer leaves the records of its trace."""
        self._messages: SimpleQueue[Any] = SimpleQueue()

    def put(self, message: Any) -> None:
        """Add a message, without waiting."""
        self._messages.put(message)

    def take(self, heartbeat: Heartbeat | None, beat_s: float) -> Batch:
        """Wait for a message, or for the next beat, and return all there are."""
        messages: list[Any] = []
        with suppress(Empty):
            messages.append(self._messages.get(timeout=beat_s))
            while True:
                messages.append(self._messages.get_nowait())
        content = b"" if heartbeat is None else heartbeat.content()
        return Batch(clock.now(), content, messages, self._traced())

    def _traced(self) -> tuple[list[str], bytes, int] | None:
        if self.ring is None:
            return None
        content = bytearray()
        return (self.ring.names, bytes(content), self.ring.dropped) if self.ring.take(content) else None
