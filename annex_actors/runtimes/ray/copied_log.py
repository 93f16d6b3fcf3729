"""Where one incarnation of a peer commits: to several store actors, each of which has every commit.

A commit is done when each store actor that has not died has it. So any of them has all that was committed, and one is
enough to begin from. What Ray cannot reach has not died for that: it is asked again until it answers, or Ray says that
it is dead. Else a new store actor, which has nothing yet, might be the only one that is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition
from typing import Any, NamedTuple

import ray
from ray.exceptions import ActorUnavailableError, RayActorError

from annex_actors.base.errors import AnnexError
from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.ray.commit_store import Packed

AGAIN_S = 0.1
"""Seconds until what could not be reached is asked again."""


class Copy(NamedTuple):
    """A store actor that has the commits of a peer.

    Args:
        number: of the store actor, from 1.
        handle: of the actor.
    """

    number: int
    handle: Any


class FencedOffError(AnnexError):
    """This incarnation of a peer is no longer the newest; what it does is of no use to any other peer."""


class CopiedLog:
    """The commits of one incarnation; a `CommitLog`.

    Args:
        address: of the peer.
        number: of the incarnation, as the store counts.
        copies: to which it commits at first: each has all that was committed before.
    """

    def __init__(self, address: Address, number: int, copies: Iterable[Copy]) -> None:
        self._address = address
        self._number = number
        self._last: Packed | None = None
        self._copies = list(copies)
        self._changed = Condition()

    def latest(self) -> Snapshot | None:
        """Return the last commit, from the first copy that answers."""
        with self._changed:
            while (found := self._opened()) is _NONE_LEFT:
                self._changed.wait()  # all copies have died; the supervising process has others made
            if found is None:
                return None
            self._last = found.copied()
        return self._last.snapshot()

    def commit(self, snapshot: Snapshot) -> None:
        """Add a commit; return when each copy has it that has not died, and one has.

        Raises:
            FencedOffError: a newer incarnation has begun.
        """
        with self._changed:
            self._last = Packed.of(snapshot)
            while not self._store(self._copies):
                self._changed.wait()  # all copies have died; the supervising process has others made

    def commit_to(self, copies: Iterable[Copy]) -> None:
        """Commit to these copies from now on; those that are new get the last commit at once."""
        with self._changed:
            known = {copy.number for copy in self._copies}
            self._copies = list(copies)
            if self._last is not None:
                self._store([copy for copy in self._copies if copy.number not in known])
            self._changed.notify_all()

    def _opened(self) -> Any:
        """Return the last commit; `_NONE_LEFT` where all copies have died."""
        asked: dict[Any, Copy] = {}
        while True:
            waiting = {copy.number for copy in asked.values()}
            asked |= {self._open(copy): copy for copy in self._copies if copy.number not in waiting}
            if not asked:
                return _NONE_LEFT
            first = ray.wait([*asked])[0][0]
            copy = asked.pop(first)
            try:
                return ray.get(first)
            except ActorUnavailableError:
                self._changed.wait(AGAIN_S)
            except RayActorError:
                self._drop(copy)

    def _open(self, copy: Copy) -> Any:
        return copy.handle.open.remote(self._address, self._number)

    def _store(self, copies: Iterable[Copy]) -> bool:
        """Give the last commit to copies; return whether any has it now."""
        last = self._last
        asked = [(copy, copy.handle.commit.remote(last, self._number)) for copy in copies]
        answers = [self._answer(copy, answer, last) for copy, answer in asked]
        if False in answers:
            raise FencedOffError(f"{self._address} has a newer incarnation than the one with number {self._number}")
        return True in answers

    def _answer(self, copy: Copy, answer: Any, last: Packed | None) -> bool | None:
        """Return what a copy answers to a commit; None: it has died, or is none of the copies any more."""
        while any(each.number == copy.number for each in self._copies):
            try:
                return bool(ray.get(answer))
            except ActorUnavailableError:
                self._changed.wait(AGAIN_S)  # meanwhile it may be replaced
                answer = copy.handle.commit.remote(last, self._number)
            except RayActorError:
                self._drop(copy)
        return None

    def _drop(self, copy: Copy) -> None:
        self._copies = [each for each in self._copies if each.number != copy.number]


_NONE_LEFT = object()
