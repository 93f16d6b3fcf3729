"""Where one incarnation of a peer commits: to several store actors, each of which has every commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Condition
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayActorError

from annex_actors.base.errors import AnnexError
from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.ray.commit_store import Packed


class Copy(NamedTuple):
    """A store actor that has the commits of a peer.

    Args:
        number: of the store actor, from 1.
        handle: of the actor.
    """

    number: int
    handle: Any


class CopyFailed(NamedTuple):
    """A call to a store actor has failed."""

    number: int


class FencedOffError(AnnexError):
    """This incarnation of a peer is no longer the newest; what it does is of no use to any other peer."""


class CopiedLog:
    """The commits of one incarnation; a `CommitLog`.

    Args:
        address: of the peer.
        number: of the incarnation, as the store counts.
        copies: to which it commits at first.
        report: called with `CopyFailed`; the supervising process then has another copy made.
    """

    def __init__(
        self, address: Address, number: int, copies: Iterable[Copy], report: Callable[[CopyFailed], None]
    ) -> None:
        self._address = address
        self._number = number
        self._report = report
        self._last: Packed | None = None
        self._copies = list(copies)
        self._changed = Condition()

    def latest(self) -> Snapshot | None:
        """Return the last commit that any copy has, and give it to those that have not."""
        with self._changed:
            while not (packed := self._opened()):
                self._changed.wait()  # all copies have failed; the supervising process has others made
            have = [each for _, each in packed if each is not None]
            newest: Packed | None = max(have, key=lambda each: each.step, default=None)
            if newest is None:
                return None
            last = self._last = newest.copied()
            self._store([copy for copy, each in packed if each is None or each.step < last.step])
        return last.snapshot()

    def commit(self, snapshot: Snapshot) -> None:
        """Add a commit; return when each copy that works has it, and one does.

        Raises:
            FencedOffError: a newer incarnation has begun.
        """
        with self._changed:
            self._last = Packed.of(snapshot)
            while not self._store(self._copies):
                self._changed.wait()  # all copies have failed; the supervising process has others made

    def commit_to(self, copies: Iterable[Copy]) -> None:
        """Commit to these copies from now on; those that are new get the last commit at once."""
        with self._changed:
            known = {copy.number for copy in self._copies}
            self._copies = list(copies)
            if self._last is not None:
                self._store([copy for copy in self._copies if copy.number not in known])
            self._changed.notify_all()

    def _opened(self) -> list[tuple[Copy, Packed | None]]:
        """Return what the copies that work have, each the last commit."""
        asked = [(copy, copy.handle.open.remote(self._address, self._number)) for copy in self._copies]
        answers = [(copy, self._answer(copy, answer)) for copy, answer in asked]
        return [(copy, answer) for copy, answer in answers if answer is not _FAILED]

    def _store(self, copies: Iterable[Copy]) -> bool:
        """Give the last commit to copies; return whether any has it now."""
        assert self._last is not None
        asked = [(copy, copy.handle.commit.remote(self._last, self._number)) for copy in copies]
        answers = [self._answer(copy, answer) for copy, answer in asked]
        if False in answers:
            raise FencedOffError(f"{self._address} has a newer incarnation than the one with number {self._number}")
        return True in answers

    def _answer(self, copy: Copy, answer: Any) -> Any:
        try:
            return ray.get(answer)
        except RayActorError:
            self._copies = [each for each in self._copies if each.number != copy.number]
            self._report(CopyFailed(copy.number))
            return _FAILED


_FAILED = object()
