"""Upstream backup: a sender keeps what it sent until the receiver has committed its step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from annex_actors.protocol.messages import Address, Message, Post

_Key = tuple[int, int, type[Message], int]


class Retention:
    """The messages sent and not yet acknowledged, by receiver, in the order in which they were first sent.

    ``bytes`` is the size of their arrays.

    Args:
        outbox: the messages of committed steps that a snapshot holds.
    """

    def __init__(self, outbox: Iterable[Post] = ()) -> None:
        self.bytes = 0
        self._acknowledged: dict[Address, int] = {}
        self._kept: defaultdict[Address, dict[_Key, Message]] = defaultdict(dict)
        for post in outbox:
            self.keep(post.to, post.message)

    def keep(self, to: Address, message: Message) -> None:
        """Keep ``message`` unless ``to`` has committed its step; replace an equal one from before a replay.

        Ignores kinds of messages that are not kept.
        """
        if message.is_kept and message.step >= self._acknowledged.get(to, 0):
            kept, key = self._kept[to], (message.step, message.microbatch, type(message), message.edge)
            before = kept.get(key)
            self.bytes += message.nbytes - (0 if before is None else before.nbytes)
            kept[key] = message

    def drop(self, peer: Address, step: int) -> None:
        """Drop the messages to ``peer`` of steps below ``step``, which it has committed."""
        if step <= self._acknowledged.get(peer, 0):
            return
        self._acknowledged[peer] = step
        kept = self._kept[peer]
        for key in [key for key in kept if key[0] < step]:
            self.bytes -= kept.pop(key).nbytes

    def acknowledged(self, peer: Address) -> int:
        """Return the number of steps that ``peer`` is known to have committed, whose messages are dropped."""
        return self._acknowledged.get(peer, 0)

    @property
    def posts(self) -> tuple[Post, ...]:
        """All that is kept."""
        return tuple(Post(peer, each) for peer, messages in self._kept.items() for each in messages.values())

    def since(self, peer: Address, step: int) -> list[Post]:
        """Return the messages that ``peer`` needs again, given that it has committed every step below ``step``."""
        return [Post(peer, message) for key, message in self._kept[peer].items() if key[0] >= step]

    def below(self, step: int) -> tuple[Post, ...]:
        """Return the outbox of a snapshot at ``step``: no restart can repeat the messages of committed steps."""
        kept = self._kept.items()
        return tuple([Post(peer, each) for peer, messages in kept for each in messages.values() if each.step < step])
