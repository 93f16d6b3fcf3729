"""A peer that says what it does before it does it, since its last incarnation died without saying why.

The heartbeat of an actor reaches the supervising process a few times a second. So of an actor that dies it is mostly
not known which message it was working on, and a message that ends every actor could not be told from kills that hit by
chance. The next incarnation is careful: until it has committed, it begins each piece of work when the supervising
process knows of it, which takes some milliseconds each time.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple

from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.protocol.messages import Message


class Noting(NamedTuple):
    """I begin the piece of work that my heartbeat shows, once this is answered by `Noted`."""

    number: int


class Noted(NamedTuple):
    """The supervising process knows of the piece of work."""

    number: int


class Careful(Instrument):
    """Waits before each piece of work until the supervising process knows of it; until the next commit.

    Args:
        tell: sends a message to the supervising process.
        commit_every: steps between two commits.
    """

    def __init__(self, tell: Callable[[object], None], commit_every: int) -> None:
        self.noted: SimpleQueue[int] = SimpleQueue()
        self._tell = tell
        self._commit_every = commit_every
        self._began_at: int | None = None
        self._number = 0

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Say what is about to be done, and wait until that is known."""
        if self._began_at is None:
            self._began_at = peer.finished
        if isinstance(item, Message) and peer.finished < self._began_at + self._commit_every:
            self._number += 1
            self._tell(Noting(self._number))
            while self.noted.get() < self._number:
                pass
