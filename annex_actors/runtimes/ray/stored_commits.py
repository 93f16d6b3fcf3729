"""The commits of a run in store actors, as the supervising process sees them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.workers.commits import is_due
from annex_actors.runtimes.program import RunFailedError
from annex_actors.runtimes.ray import cluster
from annex_actors.runtimes.ray.actor_worker import cause
from annex_actors.runtimes.ray.commit_store import Packed, store_class
from annex_actors.runtimes.ray.copied_log import CopiedLog, Copy, CopyFailed
from annex_actors.runtimes.ray.places import RayPlaces
from annex_actors.stores import StateStore

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Store:
    """A store actor.

    Args:
        copy: what peers know of it.
        node: the id of its node.
        addresses: the peers whose commits it has.
    """

    copy: Copy
    node: str
    addresses: set[Address] = field(default_factory=set)


class StoredCommits:
    """The commits of all stages, each in as many store actors as the run wants copies; satisfies `Commits`.

    A store actor that ends is replaced; the new one is filled from another copy, and by each peer that commits to it.

    Args:
        store: of the run, to which commits are copied.
        places: says on which nodes copies live.
        copies: how many each commit has, >= 1.
        commit_every: steps between two commits of a stage.
        max_deaths: how many store actors may end before the run does, so that what ends all of them is found.
    """

    def __init__(self, store: StateStore, places: RayPlaces, copies: int, commit_every: int, max_deaths: int) -> None:
        self._store = store
        self._places = places
        self._count = copies
        self._commit_every = commit_every
        self._class = store_class()
        self._made = 0
        self._deaths_left = max_deaths
        self._failure: str | None = None
        self._stores: list[_Store] = []
        self._copies: dict[Address, tuple[Copy, ...]] = {}
        self._numbers: dict[Address, int] = {}
        self._commit_to: dict[Address, Callable[[tuple[Copy, ...]], None]] = {}
        self._here: dict[Address, CopiedLog] = {}
        self._lock = Lock()
        self._closed = False
        self._threads: list[Thread] = []

    def open(self, addresses: Iterable[Address]) -> None:
        """Start the store actors, and give them the commits that are already in the store.

        Raises:
            RunFailedError: one does not start.
        """
        answers = []
        for address in addresses:
            nodes = self._places.stores(address, list(cluster.nodes()))
            wanted = [nodes[index % len(nodes)] for index in range(self._count)]
            stores: list[_Store] = []
            for node in wanted:
                stores.append(self._store_on(node, stores))
            for store in stores:
                store.addresses.add(address)
            self._copies[address] = tuple(each.copy for each in stores)
            commit = self._store.latest(address)
            if commit is None:
                answers += [each.copy.handle.open.remote(address, 0) for each in stores]
            else:
                packed = Packed.of(commit)
                answers += [each.copy.handle.commit.remote(packed, 0) for each in stores]
        try:
            ray.get(answers)
        except RayActorError as error:
            raise RunFailedError(f"the run did not start: a store of commits ended: {cause(error)}") from error

    def begin(self, address: Address, number: int, commit_to: Callable[[tuple[Copy, ...]], None]) -> tuple[Copy, ...]:
        """Return the copies of an incarnation that begins in a worker.

        Args:
            address: of the peer.
            number: of the incarnation, as the store counts.
            commit_to: called, in any thread, with the copies by which they are replaced.

        Raises:
            RunFailedError: store actors end again and again.
        """
        if self._failure is not None:
            raise RunFailedError(self._failure)
        with self._lock:
            self._numbers[address] = number
            self._commit_to[address] = commit_to
            return self._copies[address]

    def open_here(self, address: Address, number: int) -> Snapshot | None:
        """See `Commits`."""
        log = self._here[address] = CopiedLog(address, number, (), self.report)
        log.commit_to(self.begin(address, number, log.commit_to))
        return log.latest()

    def is_due(self, step: int) -> bool:
        """See `Commits`."""
        return is_due(step, self._commit_every, self._store.every)

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """See `Commits`."""
        address, every = snapshot.address, self._store.every
        if self._numbers.get(address) != number:
            return
        self._here[address].commit(snapshot)
        if every and snapshot.step % every == 0:
            self.copy(address, snapshot.step, number)

    def copy(self, address: Address, step: int, number: int) -> None:
        """See `Commits`."""
        snapshot = self._at(address, step)
        if snapshot is not None:
            self._store.commit(snapshot, number)

    def cut(self, step: int) -> tuple[Snapshot, ...]:
        """See `Commits`."""
        found = (self._at(address, step) for address in self._copies)
        return tuple(snapshot for snapshot in found if snapshot is not None)

    def report(self, failed: CopyFailed) -> None:
        """End a store actor to which a call has failed, so that it is replaced."""
        for each in self._stores:
            if each.copy.number == failed.number:
                ray.kill(each.copy.handle)

    def copy_all(self) -> None:
        """Copy all commits to the store, when no stage commits any more."""
        for address, number in self._numbers.items():
            for packed in self._all(address):
                self._store.commit(packed.snapshot(), number)

    def close(self) -> None:
        """End the store actors. Safe to call twice."""
        with self._lock:
            self._closed = True
            stores, self._stores = self._stores, []
        for each in stores:
            ray.kill(each.copy.handle)
        for thread in self._threads:
            thread.join()
        self._here.clear()
        self._commit_to.clear()

    def _store_on(self, node: str, but: Sequence[_Store]) -> _Store:
        """Return a store actor on a node, or a new one; none of ``but``."""
        for each in self._stores:
            if each.node == node and each not in but:
                return each
        self._made += 1
        affinity = NodeAffinitySchedulingStrategy(node, soft=True)
        handle = self._class.options(scheduling_strategy=affinity).remote(self._store.depth, self._store.every)
        store = _Store(Copy(self._made, handle), node)
        self._stores.append(store)
        thread = Thread(target=self._watch, args=(store,), name=f"watches store {self._made}", daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()
        return store

    def _watch(self, store: _Store) -> None:
        try:
            ray.get(store.copy.handle.stand.remote())
        except Exception as error:  # noqa: BLE001 - whatever it is, it does not stand
            with self._lock:
                if self._closed:
                    return
                self._deaths_left -= 1
                if self._deaths_left < 0:  # the peers that cannot commit are found to hang, and their start then fails
                    self._failure = f"the stores of commits end again and again, the last one since {cause(error)}"
                    return
                logger.warning("a store of commits is replaced: %s", cause(error))
                self._replace(store)

    def _replace(self, old: _Store) -> None:
        self._stores.remove(old)
        for address in sorted(old.addresses):
            others = [each for each in self._stores if address in each.addresses]
            nodes = self._places.stores(address, list(cluster.nodes()))
            free = [each for each in nodes if each not in {other.node for other in others}] or nodes
            new = self._store_on(free[0], others)
            for packed in self._all(address):
                new.copy.handle.commit.remote(packed, self._numbers.get(address, 0))
            new.addresses.add(address)
            self._copies[address] = (*(each.copy for each in others), new.copy)
            commit_to = self._commit_to.get(address)
            if commit_to is not None:
                commit_to(self._copies[address])

    def _at(self, address: Address, step: int) -> Snapshot | None:
        for copy in self._copies[address]:
            try:
                packed: Packed | None = ray.get(copy.handle.at.remote(address, step))
            except RayActorError:
                continue
            if packed is not None:
                return packed.copied().snapshot()
        return None

    def _all(self, address: Address) -> list[Packed]:
        """Return the commits of a peer, by step, from all copies that still stand."""
        found: dict[int, Packed] = {}
        for copy in self._copies[address]:
            try:
                _, kept = ray.get(copy.handle.commits.remote(address))
            except RayActorError:
                continue
            found.update({each.step: each.copied() for each in kept})
        return [found[step] for step in sorted(found)]
