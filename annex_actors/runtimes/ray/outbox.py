"""What the peer of an actor has to say to the supervising process, until a call fetches it."""

from __future__ import annotations

import io
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TextIO

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
        output: what was written to the standard output and the standard error since the last time.
    """

    time: float
    heartbeat: bytes
    messages: list[Any]
    traced: tuple[list[str], bytes, int] | None
    output: str


class Outbox:
    """The messages for the supervising process; any thread may put some in, one takes them out."""

    def __init__(self) -> None:
        self.ring: Ring | None = None
        """Where the peer leaves the records of its trace."""
        self._messages: SimpleQueue[Any] = SimpleQueue()
        self._output: deque[str] = deque()

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
        output = "".join(self._output.popleft() for _ in range(len(self._output)))
        return Batch(clock.now(), content, messages, self._traced(), output)

    def wrote(self, text: str) -> None:
        """Add what was written."""
        self._output.append(text)

    def _traced(self) -> tuple[list[str], bytes, int] | None:
        if self.ring is None:
            return None
        content = bytearray()
        return (self.ring.names, bytes(content), self.ring.dropped) if self.ring.take(content) else None


class Copied(io.TextIOBase):
    """A stream of text whose content also goes to the supervising process.

    Args:
        stream: where it goes as well.
        outbox: takes it along.
    """

    def __init__(self, stream: TextIO, outbox: Outbox) -> None:
        self._stream = stream
        self._outbox = outbox

    def write(self, text: str) -> int:
        """Write text."""
        self._outbox.wrote(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()
