"""Snapshots in the memory of the supervisors' process: a commit is the swap of a reference, and copies nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TypeAlias

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot

OnCut: TypeAlias = Callable[[int, tuple[Snapshot, ...]], None]
"""Given a step and the commits of all stages at it, in their order; called in a layer's thread, it must not wait."""


class MemoryStore:
    """Keeps the last ``depth`` commits of every peer.

    It is a table and no actor: it runs no code that could fail, and an actor would add a hop to every commit.

    Args:
        stages: whose commits make a checkpoint together: once all have committed a step, what is older is dropped. A
            step's old weights are thus free before the next step's new ones are made, and memory that is in the cache
            is used again; keeping one version more cost 6 % of a step of 784-1024-1024-1024-10.
        depth: how many at most: one more than steps may be under way at once, so that they hold a commit of the same
            step of every stage at any instant. With a synchronous schedule no stage commits step t + 1 before every
            stage has committed step t, so that it is two.
        every: after every so many steps the commits of all stages are shown to ``on_cut``; 0: never.
        on_cut: makes them last. They are immutable, so that nothing is copied.
    """

    def __init__(
        self, stages: Iterable[Address] = (), *, depth: int = 2, every: int = 0, on_cut: OnCut | None = None
    ) -> None:
        self._stages = tuple(stages)
        self._on_cut = on_cut
        self.depth = depth
        self.every = every
        self._reached: dict[int, set[Address]] = {}
        self._cut = 0
        self._commits: dict[Address, tuple[Snapshot, ...]] = {}
        self._incarnations: dict[Address, int] = {}
        self._lock = Lock()

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Begin a new incarnation of ``address``: return its number, from 1, and the last commit."""
        with self._lock:
            self._incarnations[address] = self._incarnations.get(address, 0) + 1
            return self._incarnations[address], self.latest(address)

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Add ``snapshot``, atomically, in the order of steps; ignore it from a fenced incarnation.

        Commits of processes do not come in order: those of a checkpoint are copied while the run goes on, the others
        when it ends. Whatever the order, and however often one comes, the store ends with the same commits.
        """
        address = snapshot.address
        with self._lock:
            if incarnation < self._incarnations.get(address, 0) or self._is_dropped(snapshot):
                return
            commits = self._commits.get(address, ())
            place = len(commits)
            while place and commits[place - 1].step >= snapshot.step:
                place -= 1
            same = place < len(commits) and commits[place].step == snapshot.step
            # One swap of a tuple: a kill before it leaves the old commits whole, and readers need no lock.
            self._commits[address] = (*commits[:place], snapshot, *commits[place + same :])[-self.depth :]
            if address in self._stages:
                self._note_reached(snapshot.step, address)

    def _is_dropped(self, snapshot: Snapshot) -> bool:
        return snapshot.address in self._stages and snapshot.step < self._cut

    def _note_reached(self, step: int, address: Address) -> None:
        """Note that one more stage has committed ``step``; after the last one drop what is older.

        A kill in here leaves a step uncounted; the next one then drops for both.
        """
        if step <= self._cut:
            return
        reached = self._reached.setdefault(step, set())
        reached.add(address)
        if len(reached) < len(self._stages):
            return
        if self._on_cut is not None and self.every and step % self.every == 0:
            cut = [self.at(stage, step) for stage in self._stages]
            self._on_cut(step, tuple(snapshot for snapshot in cut if snapshot is not None))
        self._cut = step
        for stage in self._stages:
            self._commits[stage] = tuple(each for each in self._commits[stage] if each.step >= step)
        self._reached = {later: stages for later, stages in self._reached.items() if later > step}

    def latest(self, address: Address) -> Snapshot | None:
        """Return the last commit of ``address``; None before its first."""
        commits = self._commits.get(address)
        return commits[-1] if commits else None

    def at(self, address: Address, step: int) -> Snapshot | None:
        """Return the commit of ``address`` at ``step``; None if it is not kept (step 0 never is)."""
        return next((each for each in self._commits.get(address, ()) if each.step == step), None)
