"""What the stages of a run commit outside of the supervising process, and the store that is filled from there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Protocol

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores import StateStore


class CommitLog(Protocol):
    """Where a stage commits."""

    def commit(self, snapshot: Snapshot) -> None:
        """Add a commit."""


class Commits(ABC):
    """The commits of all stages of a run, where their workers leave them.

    A stage that has moved to a thread of the supervising process commits there as well.

    Args:
        store: of the run, to which commits are copied.
        commit_every: steps between two commits of a stage.
    """

    def __init__(self, store: StateStore, commit_every: int) -> None:
        self._store = store
        self._commit_every = commit_every
        self._here: dict[Address, CommitLog] = {}
        """The logs of the stages in this process."""
        self._numbers: dict[Address, int] = {}
        """Those of the newest incarnations, in the store."""

    @abstractmethod
    def open_here(self, address: Address, number: int) -> Snapshot | None:
        """Let the incarnation with this number commit from this process; return the last commit."""

    @abstractmethod
    def _stages(self) -> Iterable[Address]:
        """Return the addresses of the stages, in order."""

    @abstractmethod
    def _at(self, address: Address, step: int) -> Snapshot | None:
        """Return the commit of a step; None if there is none, or none any more."""

    def is_due(self, step: int) -> bool:
        """Return whether a stage commits now; see `is_due`."""
        return is_due(step, self._commit_every, self._store.every)

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Add a commit from this process; ignore it if its incarnation is no longer the newest.

        A process that is dead commits no more, but a thread that was abandoned may wake up at any time.
        """
        address, every = snapshot.address, self._store.every
        if self._numbers.get(address) != number:
            return
        self._here[address].commit(snapshot)
        if every and snapshot.step % every == 0:
            self.copy(address, snapshot.step, number)

    def copy(self, address: Address, step: int, number: int) -> None:
        """Copy the commit of a step to the store."""
        snapshot = self._at(address, step)
        if snapshot is not None:
            self._store.commit(snapshot, number)

    def cut(self, step: int) -> tuple[Snapshot, ...]:
        """Return the commits of a step, in the order of the stages; some are missing if it is not the newest of all."""
        found = (self._at(address, step) for address in self._stages())
        return tuple(snapshot for snapshot in found if snapshot is not None)


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
