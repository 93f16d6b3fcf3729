"""Snapshots in the memory of the supervisors' process: a commit is the swap of a reference, and copies nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TypeAlias

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot

OnCut: TypeAlias = Callable[[int, tuple[Snapshot, ...], Mapping[int, tuple[Snapshot, ...]]], None]
"""Called with a step, the commits of all stages at it, in order, and what the store keeps beside them; in a stage's
thread, so it must not block."""


class MemoryStore:
    """Keeps the last ``depth`` commits of every peer.

    It is a plain object guarded by a lock, not an actor: it runs no code that could fail, and an actor would delay
    every commit by a message.

    Args:
        stages: the addresses whose commits together make a checkpoint (a consistent cut). Once all have committed a
            step, older commits are dropped. So the old weights are freed before the next step's are allocated, in
            memory that is still in the cache; one more version would cost 6 % of a step of 784-1024-1024-1024-10.
        depth: how many commits to keep at most: one more than the steps that may be in flight, so that at any instant
            there is a step at which the store has a commit of every stage. Two with a synchronous schedule, where no
            stage commits step t + 1 before every stage has committed step t.
        every: pass the commits of all stages to ``on_cut`` every so many steps; 0: never.
        on_cut: saves them. Commits are immutable, so nothing is copied.
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
        self._kept: dict[int, tuple[Snapshot, ...]] = {}
        self._commits: dict[Address, tuple[Snapshot, ...]] = {}
        self._incarnations: dict[Address, int] = {}
        self._lock = Lock()

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Start a new incarnation of ``address``: return its number, from 1, and the last commit."""
        with self._lock:
            self._incarnations[address] = self._incarnations.get(address, 0) + 1
            return self._incarnations[address], self.latest(address)

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Add ``snapshot``, atomically and in the order of steps; ignore it if its incarnation is no longer the newest.

        Commits of processes arrive out of order: those for checkpoints are copied during the run, the others at its
        end. In whatever order and however often they arrive, the store ends up with the same commits.
        """
        address = snapshot.address
        with self._lock:
            is_stage = address in self._stages
            if incarnation < self._incarnations.get(address, 0) or (is_stage and snapshot.step < self._cut):
                return
            step = snapshot.keep
            if step is not None and step not in self._kept:  # before the commit that names it: a kill repeats both
                self._keep(step, tuple(filter(None, [self.at(stage, step) for stage in self._stages])))
            commits = self._commits.get(address, ())
            place = len(commits)
            while place and commits[place - 1].step >= snapshot.step:
                place -= 1
            same = place < len(commits) and commits[place].step == snapshot.step
            # One swap of a tuple: a kill before it leaves the old commits whole, and readers need no lock.
            self._commits[address] = (*commits[:place], snapshot, *commits[place + same :])[-self.depth :]
            if step is not None and len(self._kept) > 1:
                self._kept = {each: cut for each, cut in self._kept.items() if each >= step}
            if is_stage:
                self._note_reached(snapshot.step, address)

    def keep(self, step: int, cut: tuple[Snapshot, ...]) -> None:
        """Keep the commits of all stages at a step, in order, until a later step is named; see `StateStore.keep`."""
        with self._lock:
            self._keep(step, cut)

    @property
    def kept(self) -> Mapping[int, tuple[Snapshot, ...]]:
        """What is kept beside the newest commits, by step; replaced as a whole."""
        return self._kept

    def _keep(self, step: int, cut: tuple[Snapshot, ...]) -> None:
        if len(cut) == len(self._stages) > 0:
            self._kept = {**self._kept, step: cut}

    def _note_reached(self, step: int, address: Address) -> None:
        """Record that one more stage has committed ``step``; once all have, drop older commits.

        A kill in this method may leave a step uncounted; the next step then drops the commits of both.
        """
        if step <= self._cut:
            return
        reached = self._reached.setdefault(step, set())
        reached.add(address)
        if len(reached) < len(self._stages):
            return
        if self._on_cut is not None and self.every and step % self.every == 0:
            cut = [self.at(stage, step) for stage in self._stages]
            self._on_cut(step, tuple(snapshot for snapshot in cut if snapshot is not None), self._kept)
        self._cut = step
        for stage in self._stages:
            self._commits[stage] = tuple([each for each in self._commits[stage] if each.step >= step])
        self._reached = {later: stages for later, stages in self._reached.items() if later > step}

    def latest(self, address: Address) -> Snapshot | None:
        """Return the last commit of ``address``; None before its first."""
        commits = self._commits.get(address)
        return commits[-1] if commits else None

    def at(self, address: Address, step: int) -> Snapshot | None:
        """Return the commit of ``address`` at ``step``; None if the store does not have it (it never has step 0)."""
        return next((each for each in self._commits.get(address, ()) if each.step == step), None)
