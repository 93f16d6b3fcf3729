"""What a place for committed snapshots must do."""

from __future__ import annotations

from typing import Protocol

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot


class StateStore(Protocol):
    """Keeps the last commits of every peer; called from any thread."""

    @property
    def depth(self) -> int:
        """How many commits of a peer are kept at most."""

    @property
    def every(self) -> int:
        """Every so many steps the commits of all stages make a checkpoint; 0: never."""

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Begin a new incarnation of ``address``: return its number, from 1, and the last commit.

        From now on what older incarnations commit is ignored. Numbers come from here because the store outlives every
        supervisor, and so they rise whoever was restarted.
        """

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Make ``snapshot`` the last commit of its address, atomically; ignore it from a fenced incarnation."""

    def latest(self, address: Address) -> Snapshot | None:
        """Return the last commit of ``address``; None before its first."""

    def at(self, address: Address, step: int) -> Snapshot | None:
        """Return the commit of ``address`` at ``step``; None if it is not kept (step 0 never is)."""
