"""The commits of a run in store actors, as the supervising process sees them.

Only Ray says that a store actor has died. Until then one that cannot be reached may be back, and is neither replaced
nor given up; but no new one is started on its node, which may be dead. A copy is given up for others only once these
have all that it has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.workers.commits import Commits
from annex_actors.runtimes.program import RunFailedError
from annex_actors.runtimes.ray import cluster
from annex_actors.runtimes.ray.actor_worker import cause, is_its_own
from annex_actors.runtimes.ray.commit_store import Packed, store_class
from annex_actors.runtimes.ray.copied_log import AGAIN_S, CopiedLog, Copy
from annex_actors.runtimes.ray.places import RayPlaces
from annex_actors.stores import StateStore

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Store:
    """A store actor.

    Args:
        copy: what peers know of it.
        node: the id of its node.
        out_of_reach: whether Ray could not reach it the last time.
    """

    copy: Copy
    node: str
    out_of_reach: bool = False


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
        self._begun: dict[Address, list[_Store]] = {}
        """Those that the newest incarnation has begun with, and so commits to as long as they live."""
        self._committers: dict[Address, Committer] = {}
        self._placing: dict[Address, Lock] = {}
        """Held while copies of a peer are chosen and filled, which takes as long as a store actor takes to start."""
        self._lock = Lock()
        self._closed = Event()
        self._here_id = ""
        self._threads: list[Thread] = []

    def open(self) -> None:
        """Start the first store actors, beside the first actors of peers, so that these need not wait for them."""
        self._here_id = cluster.here()
        for node in sorted(cluster.nodes(), key=lambda node: (node != self._here_id, node))[: self._count + 1]:
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
        with self._placed(address):
            if self._failure is not None:
                raise RunFailedError(self._failure)
            self._numbers[address], self._committers[address] = number, committer
            begun = self._begun.get(address, [])
            chosen = self._chosen(address, ())
            if not self._fill(address, [each for each in chosen if each not in begun]):
                chosen += [each for each in self._stores.get(address, ()) if each not in chosen]
            self._stores[address], self._begun[address] = chosen, list(chosen)
            return self._copies_of(address)

    def open_here(self, address: Address, number: int) -> Snapshot | None:
        """See `Commits`."""
        log = self._here[address] = CopiedLog(address, number, ())
        committer = Committer(cluster.here(), log.commit_to, lambda: None)
        log.commit_to(self.begin(address, number, committer))
        return log.latest()

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
            self._closed.set()
            up, self._up = self._up, []
        for each in up:
            ray.kill(each.copy.handle)
        for thread in self._threads:
            thread.join()
        self._here.clear()
        self._committers.clear()

    def _placed(self, address: Address) -> Lock:
        return self._placing.setdefault(address, Lock())

    def _chosen(self, address: Address, kept: Sequence[_Store]) -> list[_Store]:
        """Return as many copies as wanted, on the best nodes; those that are kept are among them."""
        up = list(cluster.nodes())  # without that of the peer, if this has died
        nodes = [node for node in self._places.stores(address, self._committers[address].node, up) if node in up]
        unsure = {each.node for each in self._up if each.out_of_reach}
        nodes = [node for node in nodes if node not in unsure] or nodes
        # Of several copies one is on the node of this process, which ends only with the run.
        nodes = sorted(nodes, key=lambda node: node != self._here_id) if self._count > 1 else nodes
        taken = {each.node for each in kept}
        free = [node for node in nodes if node not in taken] or nodes
        chosen = list(kept)
        for index in range(self._count - len(kept)):
            chosen.append(self._store_on(free[index % len(free)], chosen))
        return chosen

    def _fill(self, address: Address, new: Sequence[_Store]) -> bool:
        """Give new copies all commits of a peer; return whether each of them has them."""
        if not new:
            return True
        commits, number = self._all(address), self._numbers[address]
        # A peer asks them for its last commit, and Ray may carry out its call before one made earlier from here.
        answers = [self._answer(store, "commit", packed, number) for store in new for packed in commits]
        return None not in answers

    def _store_on(self, node: str, but: Sequence[_Store]) -> _Store:
        """Return a store actor on a node, or a new one; none of ``but``."""
        return next((each for each in self._up if each.node == node and each not in but), None) or self._new_store(node)

    def _new_store(self, node: str) -> _Store:
        with self._lock:
            self._made += 1
            affinity = NodeAffinitySchedulingStrategy(node, soft=True)
            handle = self._class.options(scheduling_strategy=affinity).remote(self._store.depth, self._store.every)
            store = _Store(Copy(self._made, handle), node)
            if self._closed.is_set():
                ray.kill(handle)
                return store
            self._up.append(store)
            thread = Thread(target=self._watch, args=(store,), name=f"watches store {self._made}", daemon=True)
            self._threads = [*(each for each in self._threads if each.is_alive()), thread]
            thread.start()
            return store

    def _watch(self, store: _Store) -> None:
        while not self._closed.is_set():
            try:
                ray.get(store.copy.handle.answer.remote())
                store.out_of_reach = False
                ray.get(store.copy.handle.stand.remote())
            except ActorUnavailableError:
                store.out_of_reach = True
                self._closed.wait(AGAIN_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, it does not stand
                self._replace(store, error)
                return

    def _replace(self, store: _Store, error: Exception) -> None:
        with self._lock:
            if self._closed.is_set():
                return
            self._up.remove(store)
            self._deaths_left -= 1
            if self._deaths_left < 0 or is_its_own(error):
                self._failure = f"the stores of commits do not stay up, the last one: {cause(error)}"
        if self._failure is not None:
            for committer in list(self._committers.values()):
                committer.end()  # its next incarnation ends the run
            return
        logger.warning("a store of commits is replaced: %s", cause(error))
        for address in list(self._committers):  # also one that begins just now, with this store
            with self._placed(address):
                before = self._stores.get(address, [])
                kept = [each for each in before if each is not store]
                if kept == before:
                    continue
                # The peer goes on meanwhile, and gives the new ones what it has committed by then.
                chosen = self._chosen(address, kept)
                self._stores[address] = kept
                self._fill(address, chosen[len(kept) :])
                self._stores[address] = chosen
                self._committers[address].commit_to(self._copies_of(address))

    def _copies_of(self, address: Address) -> tuple[Copy, ...]:
        return tuple(each.copy for each in self._stores.get(address, ()))

    def _stages(self) -> Iterable[Address]:
        return self._all_stages

    def _at(self, address: Address, step: int) -> Snapshot | None:
        return next((each.snapshot() for each in self._all(address) if each.step == step), None)

    def _all(self, address: Address) -> list[Packed]:
        """Return the commits of a peer, by step, from all copies in reach; where it has none yet, from the store."""
        if address not in self._stores:
            commit = self._store.latest(address)
            return [] if commit is None else [Packed.of(commit)]
        found: dict[int, Packed] = {}
        begun = self._begun[address]
        # One that the peer has begun with has all. Those that are out of reach come last, and are then not waited for.
        stores = sorted(self._stores[address], key=lambda each: (each.out_of_reach, each not in begun))
        has_all = False
        for store in stores:
            if has_all and store.out_of_reach:
                break
            answer = self._answer(store, "commits", address)
            if answer is not None:
                found.update({each.step: each.copied() for each in answer[1]})
                has_all |= store in begun
        return [found[step] for step in sorted(found)]

    def _answer(self, store: _Store, method: str, *arguments: Any) -> Any:
        """Return what a store actor answers, however long it is out of reach; None: it has died."""
        while True:
            try:
                return ray.get(getattr(store.copy.handle, method).remote(*arguments))
            except ActorUnavailableError:
                self._closed.wait(AGAIN_S)
            except RayActorError:
                return None
