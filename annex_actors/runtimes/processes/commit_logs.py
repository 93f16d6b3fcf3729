"""The logs into which the processes of a run commit; they are copied to the store of the supervising process."""

from __future__ import annotations

import os
from collections.abc import Iterable

from annex_actors.protocol.messages import Address
from annex_actors.stores import StateStore
from annex_actors.stores.shared_log import SharedCommitLog, anonymous_memory


class CommitLogs:
    """A log in shared memory for each stage; it exists before the first process of the stage and after the last.

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
