"""The protocol of a store for committed snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot


class StateStore(Protocol):
    """Keeps the last commits of every peer; called from any thread."""

    @property
    def depth(self) -> int:
        """How many commits of a peer the store keeps at most."""

    @property
    def every(self) -> int:
        """How many steps lie between two checkpoints; 0 if there are none."""

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Start a new incarnation of ``address``: return its number, from 1, and the last commit.

        From then on commits of older incarnations are ignored. The store counts incarnations, because it outlives every
        supervisor: so their numbers rise whatever was restarted.
        """

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Add a commit, atomically; ignore it if ``incarnation`` is not the newest of its address."""

    def keep(self, step: int, cut: tuple[Snapshot, ...]) -> None:
        """Keep the commits of all stages at a step, in order, beside the newest ones, until a later step is named.

        A commit that names a step (`Snapshot.keep`) does so by itself, from what the store has then.
        """

    @property
    def kept(self) -> Mapping[int, tuple[Snapshot, ...]]:
        """What is kept so, by step: at the step that the last commit named, and perhaps at the next one."""

    def latest(self, address: Address) -> Snapshot | None:
        """Return the last commit of ``address``; None before its first."""

    def at(self, address: Address, step: int) -> Snapshot | None:
        """Return the commit of ``address`` at ``step``; None if the store does not have it (it never has step 0)."""
