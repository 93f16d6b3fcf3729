"""The commits of a run's processes, where these leave them; copied to the store of the supervising process."""

from __future__ import annotations

import os
from collections.abc import Iterable

from annex_actors.protocol.messages import Address
from annex_actors.stores import StateStore
from annex_actors.stores.shared_log import SharedCommitLog, anonymous_memory


class CommitLogs:
    """A log in shared memory for each stage, from before its first process to after its last one.

    Args:
        store: of the run.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._fds: dict[Address, int] = {}
        self._lives: dict[Address, int] = {}

    def open(self, addresses: Iterable[Address]) -> None:
        """Make the logs, and put into them what the store holds already."""
        for address in addresses:
            self._fds[address] = anonymous_memory(str(address))
            commit = self._store.latest(address)
            if commit is not None:
                self._log(address).commit(commit)

    def hand_over(self, address: Address, life: int) -> int:
        """Return a descriptor of a log, to be closed by the caller, for a new life of its stage."""
        self._lives[address] = life
        return os.dup(self._fds[address])

    def copy(self, address: Address, step: int, life: int) -> None:
        """Copy the commit of a step to the store."""
        snapshot = self._log(address).at(step)
        if snapshot is not None:
            self._store.commit(snapshot, life)

    def copy_all(self) -> None:
        """Copy all commits that are kept to the store; no process writes any more."""
        for address, life in self._lives.items():
            for snapshot in self._log(address).snapshots():
                self._store.commit(snapshot, life)

    def close(self) -> None:
        """Free the memory. Safe to call twice."""
        while self._fds:
            os.close(self._fds.popitem()[1])

    def _log(self, address: Address) -> SharedCommitLog:
        return SharedCommitLog(self._fds[address])
