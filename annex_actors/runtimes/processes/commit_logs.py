"""The logs into which the processes of a run commit; they are copied to the store of the supervising process."""

from __future__ import annotations

import os
from collections.abc import Iterable

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.workers.commits import Commits
from annex_actors.stores import StateStore
from annex_actors.stores.shared_log import SharedCommitLog, anonymous_memory


class CommitLogs(Commits):
    """A log in shared memory for each stage; it exists before the first process of the stage and after the last.

    A stage that has moved to a thread of this process commits into it as well. A reader has one too, and commits
    nothing.

    Args:
        store: of the run.
        commit_every: steps between two commits of a stage.
    """

    def __init__(self, store: StateStore, commit_every: int) -> None:
        super().__init__(store, commit_every)
        self._fds: dict[Address, int] = {}

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

    def open_here(self, address: Address, number: int) -> Snapshot | None:
        """See `Commits`."""
        log = SharedCommitLog(self._fds[address], depth=self._store.depth, every=self._store.every)
        self._here[address] = log
        self._numbers[address] = number
        return log.latest()

    def copy_all(self) -> None:
        """Copy all commits in the logs to the store, when no process writes any more."""
        for address, number in self._numbers.items():
            for snapshot in self._log(address).snapshots():
                self._store.commit(snapshot, number)

    def close(self) -> None:
        """Free the memory. Safe to call twice."""
        self._numbers.clear()
        self._here.clear()
        while self._fds:
            os.close(self._fds.popitem()[1])

    def _stages(self) -> Iterable[Address]:
        return self._fds

    def _at(self, address: Address, step: int) -> Snapshot | None:
        return self._log(address).at(step)

    def _log(self, address: Address) -> SharedCommitLog:
        return SharedCommitLog(self._fds[address])
