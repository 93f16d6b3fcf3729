"""What waits for an actor: user messages in one queue, signals of the system beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

import pykka


class Envelope:
    """A message and, when it was asked rather than told, the future that waits for the answer."""

    __slots__ = ("message", "reply_to")

    def __init__(self, message: Any, reply_to: pykka.ThreadingFuture[Any] | None = None) -> None:
        self.message = message
        self.reply_to = reply_to

    def __repr__(self) -> str:
        return f"Envelope({self.message!r}, reply_to={self.reply_to!r})"


class Wake:
    """The message that only wakes the actor up, so that it looks at its signals."""


_WAKE = Envelope(Wake())


class Mailbox(SimpleQueue[Envelope]):
    """An unbounded queue that one actor reads and everybody writes.

    No message is lost between a sender and an actor that stops, and no lock is taken for it. A sender first puts and
    then looks at ``closed``; an actor first closes and then empties. So either the actor finds the message, or the
    sender finds the mailbox closed and empties it in the actor's place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.signals: deque[object] = deque()
        self.stash: deque[Envelope] = deque()

    def put_system(self, message: object) -> None:
        """Queue a message that no bound may hold back."""
        SimpleQueue.put(self, Envelope(message))

    def signal(self, signal: object) -> None:
        """Queue ``signal`` ahead of all messages."""
        self.signals.append(signal)
        self.wake()

    def wake(self) -> None:
        """Make the actor look at its signals."""
        SimpleQueue.put(self, _WAKE)

    def depth(self) -> int:
        """Return about how many messages wait."""
        return self.qsize() + len(self.stash)

    def take_all(self) -> Iterator[Envelope]:
        """Yield and remove everything that waits; several threads may do so at once."""
        while self.stash:
            try:
                yield self.stash.popleft()
            except IndexError:
                break
        while True:
            try:
                envelope = self.get_nowait()
            except Empty:
                return
            if envelope is not _WAKE:
                yield envelope
