"""The logs into which the processes of a run commit; they are copied to the store of the supervising process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores import StateStore
from annex_actors.stores.shared_log import SharedCommitLog, anonymous_memory


class CommitLogs:
    """A log in shared memory for each stage; it exists before the first process of the stage and after the last.

    A reader has one too, and commits nothing.

    Args:
        store: of the run.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._fds: dict[Address, int] = {}
        self._numbers: dict[Address, int] = {}

    def open(self, addresses: Iterable[Address]) -> None:
        """Make the logs, with the commits that are already in the store."""
        for address in addresses:
            self._fds[address] = anonymous_memory(str(address))
            commit = self._store.latest(address)
            if commit is not None:
                self._log(address).commit(commit)

    def duplicate_fd(self, address: Address, number: int) -> int:
        """Return a descriptor of a log, which the caller closes, for the incarnation with this number in the store."""
        self._numbers[address] = number
        return os.dup(self._fds[address])

    def copy(self, address: Address, step: int, number: int) -> None:
        """Copy the commit of a step to the store."""
        snapshot = self._log(address).at(step)
        if snapshot is not None:
            self._store.commit(snapshot, number)

    def cut(self, step: int) -> tuple[Snapshot, ...]:
        """Return the commits of a step, in the order of the stages; some are missing if it is not the newest of all."""
        found = (self._log(address).at(step) for address in self._fds)
        return tuple(snapshot for snapshot in found if snapshot is not None)

    def copy_all(self) -> None:
        """Copy all commits in the logs to the store, when no process writes any more."""
        for address, number in self._numbers.items():
            for snapshot in self._log(address).snapshots():
                self._store.commit(snapshot, number)

    def close(self) -> None:
        """Free the memory. Safe to call twice."""
        while self._fds:
            os.close(self._fds.popitem()[1])

    def _log(self, address: Address) -> SharedCommitLog:
        return SharedCommitLog(self._fds[address])


class LoggedStore:
    """The store of a run whose stages commit into logs: what is to be kept comes from there; a `StateStore`.

    When the trainer names a step to keep, every stage has committed it and has no newer step to work on. But the copies
    of its commits may not be in the store yet, or be lost with a worker that was killed before it reported them.

    Args:
        store: of the run.
        logs: of its stages.
    """

    def __init__(self, store: StateStore, logs: CommitLogs) -> None:
        self._store = store
        self._logs = logs

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
            self._store.keep(step, self._logs.cut(step))
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
