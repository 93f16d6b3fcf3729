"""The commits of a run in store actors, as the supervising process sees them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.workers.commits import Commits
from annex_actors.runtimes.program import RunFailedError
from annex_actors.runtimes.ray import cluster
from annex_actors.runtimes.ray.actor_worker import cause, is_its_own
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
    """

    copy: Copy
    node: str


@dataclass(frozen=True, slots=True)
class Committer:
    """An incarnation of a peer that commits.

    Args:
        node: the id of its node.
        commit_to: called in any thread, with the copies by which those before are replaced.
        end: called in any thread, where nothing keeps its commits any more.
    """

    node: str
    commit_to: Callable[[tuple[Copy, ...]], None]
    end: Callable[[], None]


class StoredCommits(Commits):
    """The commits of all stages, each in as many store actors as the run wants copies.

    A store actor that ends is replaced; the new one is filled from another copy, and by each peer that commits to it.

    Args:
        store: of the run, to which commits are copied.
        stages: their addresses, in order.
        places: says on which nodes copies live.
        copies: how many each commit has, >= 1.
        commit_every: steps between two commits of a stage.
        max_deaths: how many store actors may end before the run does, so that what ends all of them is found.
    """

    def __init__(
        self,
        store: StateStore,
        stages: Sequence[Address],
        places: RayPlaces,
        copies: int,
        commit_every: int,
        max_deaths: int,
    ) -> None:
        super().__init__(store, commit_every)
        self._all_stages = tuple(stages)
        self._places = places
        self._count = copies
        self._class = store_class()
        self._made = 0
        self._deaths_left = max_deaths
        self._failure: str | None = None
        self._up: list[_Store] = []
        self._stores: dict[Address, list[_Store]] = {}
        self._committers: dict[Address, Committer] = {}
        self._lock = Lock()
        self._closed = False
        self._threads: list[Thread] = []

    def open(self) -> None:
        """Start the first store actors, beside the first actors of peers, so that these need not wait for them."""
        for node in sorted(cluster.nodes())[: self._count + 1]:
            self._new_store(node)

    def begin(self, address: Address, number: int, committer: Committer) -> tuple[Copy, ...]:
        """Return the copies of a new incarnation: on other nodes than its own, where there are any.

        Args:
            address: of the peer.
            number: of the incarnation, as the store counts.
            committer: the peer.

        Raises:
            RunFailedError: store actors do not start, or end again and again.
        """
        with self._lock:
            if self._failure is not None:
                raise RunFailedError(self._failure)
            self._numbers[address], self._committers[address] = number, committer
            self._place(address)
            return self._copies_of(address)

    def open_here(self, address: Address, number: int) -> Snapshot | None:
        """See `Commits`."""
        log = self._here[address] = CopiedLog(address, number, (), self.report)
        committer = Committer(cluster.here(), log.commit_to, lambda: None)
        log.commit_to(self.begin(address, number, committer))
        return log.latest()

    def report(self, failed: CopyFailed) -> None:
        """End a store actor to which a call has failed, so that it is replaced."""
        for each in list(self._up):
            if each.copy.number == failed.number:
                ray.kill(each.copy.handle)

    def copy_all(self) -> list[Address]:
        """Copy all commits to the store, when no stage commits any more; return the stages of which there are none."""
        missing = []
        for address, number in self._numbers.items():
            commits = self._all(address)
            for packed in commits:
                self._store.commit(packed.snapshot(), number)
            if not commits and address in self._all_stages:
                missing.append(address)
        return missing

    def close(self) -> None:
        """End the store actors. Safe to call twice."""
        with self._lock:
            self._closed = True
            up, self._up = self._up, []
        for each in up:
            ray.kill(each.copy.handle)
        for thread in self._threads:
            thread.join()
        self._here.clear()
        self._committers.clear()

    def _place(self, address: Address) -> None:
        """Have as many copies as wanted, on the best nodes; fill those that are new."""
        nodes = self._places.stores(address, self._committers[address].node, list(cluster.nodes()))
        before = self._stores.get(address, [])
        chosen: list[_Store] = []
        for index in range(self._count):
            chosen.append(self._store_on(nodes[index % len(nodes)], chosen))
        if any(each not in before for each in chosen):
            commits, number = self._all(address), self._numbers[address]
            new = [store.copy.handle for store in chosen if store not in before]
            # A peer asks them for its last commit, and Ray may carry out its call before one made earlier from here.
            for answer in [handle.commit.remote(packed, number) for handle in new for packed in commits]:
                with suppress(RayActorError):  # it ended just now, and is replaced
                    ray.get(answer)
        self._stores[address] = chosen

    def _store_on(self, node: str, but: Sequence[_Store]) -> _Store:
        """Return a store actor on a node, or a new one; none of ``but``."""
        return next((each for each in self._up if each.node == node and each not in but), None) or self._new_store(node)

    def _new_store(self, node: str) -> _Store:
        self._made += 1
        affinity = NodeAffinitySchedulingStrategy(node, soft=True)
        handle = self._class.options(scheduling_strategy=affinity).remote(self._store.depth, self._store.every)
        store = _Store(Copy(self._made, handle), node)
        self._up.append(store)
        thread = Thread(target=self._watch, args=(store,), name=f"watches store {self._made}", daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()
        return store

    def _watch(self, store: _Store) -> None:
        try:
            ray.get(store.copy.handle.stand.remote())
        except Exception as error:  # noqa: BLE001 - whatever it is, it does not stand
            with self._lock:
                if not self._closed:
                    self._up.remove(store)
                    self._replace(store, error)

    def _replace(self, store: _Store, error: Exception) -> None:
        self._deaths_left -= 1
        if self._deaths_left < 0 or is_its_own(error):
            self._failure = f"the stores of commits do not stay up, the last one: {cause(error)}"
            for committer in self._committers.values():
                committer.end()  # its next incarnation ends the run
            return
        logger.warning("a store of commits is replaced: %s", cause(error))
        for address in [each for each, stores in self._stores.items() if store in stores]:
            self._stores[address].remove(store)
            self._place(address)
            self._committers[address].commit_to(self._copies_of(address))

    def _copies_of(self, address: Address) -> tuple[Copy, ...]:
        return tuple(each.copy for each in self._stores.get(address, ()))

    def _stages(self) -> Iterable[Address]:
        return self._all_stages

    def _at(self, address: Address, step: int) -> Snapshot | None:
        return next((each.snapshot() for each in self._all(address) if each.step == step), None)

    def _all(self, address: Address) -> list[Packed]:
        """Return the commits of a peer, by step, from all copies that stand; where it has none yet, from the store."""
        if address not in self._stores:
            commit = self._store.latest(address)
            return [] if commit is None else [Packed.of(commit)]
        found: dict[int, Packed] = {}
        for copy in self._copies_of(address):
            with suppress(RayActorError):  # it ended just now
                _, kept = ray.get(copy.handle.commits.remote(address))
                found.update({each.step: each.copied() for each in kept})
        return [found[step] for step in sorted(found)]
