"""The store actor: it keeps the last commits of peers that live elsewhere.

A commit comes as bytes, and its arrays beside them, so that a store needs to know no class of the user's. It copies the
arrays out of Ray's object store, in which what is looked at takes room that messages need.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any, NamedTuple

import numpy as np
import ray

from annex_actors.base.types import Array
from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot


class Packed(NamedTuple):
    """A commit as bytes.

    Args:
        address: of the peer.
        step: of the commit.
        body: the pickled snapshot, without its arrays.
        arrays: the memory of its arrays, uint8.
    """

    address: Address
    step: int
    body: bytes
    arrays: tuple[Array, ...]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Packed:
        """Pack a snapshot; nothing is copied."""
        buffers: list[Any] = []
        body = ray.cloudpickle.dumps(snapshot, protocol=5, buffer_callback=buffers.append)
        arrays = tuple(np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers)
        return cls(snapshot.address, snapshot.step, body, arrays)

    def copied(self) -> Packed:
        """Return the same with arrays of its own, which are read-only."""
        return self._replace(arrays=tuple(_copied(each) for each in self.arrays))

    def snapshot(self) -> Snapshot:
        """Return the snapshot, whose arrays are read-only and share this one's memory."""
        snapshot = ray.cloudpickle.loads(self.body, buffers=self.arrays)
        assert isinstance(snapshot, Snapshot)
        return snapshot


class CommitStore:
    """Keeps commits; its methods run one at a time, but for `stand`.

    Args:
        depth: how many of the last commits of a peer it keeps, >= 1.
        every: it also keeps the newest commit of a step that is a multiple of this, until it is copied; 0: it does not.
    """

    def __init__(self, depth: int, every: int) -> None:
        self._depth = depth
        self._every = every
        self._numbers: dict[Address, int] = {}
        self._kept: dict[Address, tuple[Packed, ...]] = {}

    def answer(self) -> None:
        """Show that it is within reach."""

    @ray.method(concurrency_group="standing")  # type: ignore[untyped-decorator]
    def stand(self) -> None:
        """Never return: the call fails when this actor ends."""
        Event().wait()

    def open(self, address: Address, number: int) -> Packed | None:
        """Ignore the incarnations of a peer before this one from now on, and return the last commit."""
        self._numbers[address] = max(number, self._numbers.get(address, 0))
        kept = self._kept.get(address)
        return kept[-1] if kept else None

    def commit(self, packed: Packed, number: int) -> bool:
        """Add a commit; return whether its incarnation is the newest of its peer, else it is ignored."""
        address = packed.address
        if number < self._numbers.get(address, 0):
            return False
        self._numbers[address] = number
        self._kept[address] = self._with(self._kept.get(address, ()), packed.copied())
        return True

    def commits(self, address: Address) -> tuple[int, tuple[Packed, ...]]:
        """Return the number of the newest incarnation of a peer that is known here, and the commits, oldest first."""
        return self._numbers.get(address, 0), self._kept.get(address, ())

    def at(self, address: Address, step: int) -> Packed | None:
        """Return the commit of a step; None if it is not kept."""
        return next((each for each in self._kept.get(address, ()) if each.step == step), None)

    def _with(self, kept: Sequence[Packed], new: Packed) -> tuple[Packed, ...]:
        ordered = sorted([*(each for each in kept if each.step != new.step), new], key=lambda each: each.step)
        newest = ordered[-self._depth :]
        marked = [each for each in ordered if self._every and each.step % self._every == 0 and each not in newest]
        return (*marked[-1:], *newest)


def store_class() -> Any:
    """Return the class of the store actors."""
    return ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0, concurrency_groups={"standing": 1})(CommitStore)


def _copied(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
