"""Upstream backup: a sender keeps what it sent until the receiver has committed its step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from annex_actors.protocol.messages import Address, Message, Post, WithArray

_Key = tuple[int, int, type[Message], int]


class Retention:
    """Messages sent and not yet acknowledged, by receiver, in the order of their first sending; ``bytes`` of arrays."""

    def __init__(self, outbox: Iterable[Post] = ()) -> None:
        self.bytes = 0
        self._forgotten: dict[Address, int] = {}
        self._kept: defaultdict[Address, dict[_Key, Message]] = defaultdict(dict)
        for post in outbox:
            self.keep(post.to, post.message)

    def keep(self, to: Address, message: Message) -> None:
        """Keep ``message``, in place of an equal one that a replay made again, unless ``to`` has committed its step.

        Messages of a kind that is not kept are left alone.
        """
        if message.is_kept and message.step >= self._forgotten.get(to, 0):
            kept, key = self._kept[to], (message.step, message.microbatch, type(message), message.edge)
            self.bytes += _size(message) - (_size(kept[key]) if key in kept else 0)
            kept[key] = message

    def forget(self, peer: Address, step: int) -> None:
        """Drop what ``peer`` has committed: its messages of steps below ``step``."""
        if step <= self._forgotten.get(peer, 0):
            return
        self._forgotten[peer] = step
        kept = self._kept[peer]
        for key in [key for key in kept if key[0] < step]:
            self.bytes -= _size(kept.pop(key))

    def since(self, peer: Address, step: int) -> list[Post]:
        """Return what ``peer`` needs again, having committed every step below ``step``."""
        return [Post(peer, message) for key, message in self._kept[peer].items() if key[0] >= step]

    def below(self, step: int) -> tuple[Post, ...]:
        """Return what belongs into the snapshot: no restart can make the messages of committed steps again."""
        return tuple(
            Post(peer, message) for peer, kept in self._kept.items() for key, message in kept.items() if key[0] < step
        )


def _size(message: Message) -> int:
    return message.nbytes if isinstance(message, WithArray) else 0
