"""The mailbox of a node: it holds what has arrived, and yields the next message that may be handled."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from annex_actors.protocol.messages import Message

Urgency: TypeAlias = tuple[int, ...]
"""How urgent a peer's next piece of work is; the smallest goes first where several peers share a worker."""

MOST_URGENT: Urgency = ()
"""Smaller than any other urgency: for work that costs nothing, or that all others wait for."""


class Mailbox(Protocol):
    """What a node asks of a mailbox."""

    def put(self, message: Message) -> None:
        """Store a message; drop it if it was seen before or belongs to a committed step."""

    def next(self) -> Message | None:
        """Return the next message to handle, and count it as done; None where nothing is allowed yet."""

    def urgency(self) -> Urgency | None:
        """Return how urgent the next message is; None where `next` would return None."""

    @property
    def waiting(self) -> int:
        """The number of messages that are here and not handled; may be read from another thread at any time."""

    def commit(self, step: int) -> None:
        """Record that every step below ``step`` is committed."""
