"""What a node asks of a mailbox: it holds what has arrived, and yields the next message that may be handled."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from annex_actors.protocol.messages import Message

Rank: TypeAlias = tuple[int, ...]
"""How urgent a peer's next work is; the least goes first where several peers share a worker."""

AT_ONCE: Rank = ()
"""The rank of what costs nothing, or holds everybody up: less than any other."""


class Mailbox(Protocol):
    """What a node asks of a mailbox."""

    def put(self, message: Message) -> None:
        """Take a message in; drop it if it was seen before or belongs to a committed step."""

    def next(self) -> Message | None:
        """Return the next message to handle, which counts as done; None where nothing is allowed yet."""

    def rank(self) -> Rank | None:
        """Return how urgent the next message is; None where `next` would return None."""

    def commit(self, step: int) -> None:
        """Learn that every step below ``step`` is committed."""
