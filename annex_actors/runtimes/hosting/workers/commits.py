"""What the stages of a run commit outside of the supervising process, and the store that is filled from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores import StateStore


class Commits(Protocol):
    """The commits of all stages of a run, where their workers leave them.

    A stage that has moved to a thread of the supervising process commits there as well.
    """

    def open_here(self, address: Address, number: int) -> Snapshot | None:
        """Let the incarnation with this number commit from this process; return the last commit."""

    def is_due(self, step: int) -> bool:
        """Return whether a stage commits now; see `is_due`."""

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Add a commit from this process; ignore it if its incarnation is no longer the newest."""

    def copy(self, address: Address, step: int, number: int) -> None:
        """Copy the commit of a step to the store."""

    def cut(self, step: int) -> tuple[Snapshot, ...]:
        """Return the commits of a step, in the order of the stages; some are missing if it is not the newest of all."""


def is_due(step: int, commit_every: int, every: int) -> bool:
    """Return whether a stage commits now: every few steps, since a commit is a copy, and at each checkpoint.

    Args:
        step: the number of steps that are done.
        commit_every: steps between two commits.
        every: steps between two checkpoints; 0: there are none.
    """
    return step % commit_every == 0 or (every > 0 and step % every == 0)


class FilledStore:
    """The store of a run whose stages commit elsewhere: what is to be kept comes from there; a `StateStore`.

    When the trainer names a step to keep, every stage has committed it and has no newer step to work on. But the copies
    of its commits may not be in the store yet, or be lost with a worker that was killed before it reported them.

    Args:
        store: of the run.
        commits: of its stages.
    """

    def __init__(self, store: StateStore, commits: Commits) -> None:
        self._store = store
        self._commits = commits

    @property
    def depth(self) -> int:
        """See `StateStore`."""
        return self._store.depth

    @property
    def every(self) -> int:
        """See `StateStore`."""
        return self._store.every

    @property
    def kept(self) -> Mapping[int, tuple[Snapshot, ...]]:
        """See `StateStore`."""
        return self._store.kept

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """See `StateStore`."""
        return self._store.open(address)

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Add a commit; first keep those of all stages, if it says so."""
        step = snapshot.keep
        if step is not None and step not in self._store.kept:
            self._store.keep(step, self._commits.cut(step))
        self._store.commit(snapshot, incarnation)

    def keep(self, step: int, cut: tuple[Snapshot, ...]) -> None:
        """See `StateStore`."""
        self._store.keep(step, cut)

    def latest(self, address: Address) -> Snapshot | None:
        """See `StateStore`."""
        return self._store.latest(address)

    def at(self, address: Address, step: int) -> Snapshot | None:
        """See `StateStore`."""
        return self._store.at(address, step)
