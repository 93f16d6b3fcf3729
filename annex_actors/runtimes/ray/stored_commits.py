"""The commits of a run in store actors, as the supervising process sees them.

Only Ray says that a store actor has died. Until then one that cannot be reached may be back, and is neither replaced
nor given up; but no new one is started on its node, which may be dead. A copy is given up for others only once these
have all that it has. No peer waits for a store actor to start while another one has its commits: a new incarnation
begins with those that are up, and new ones join them beside its work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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
from supervisors import Ignore

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Store:
    """A store actor.

    Args:
        copy: what peers know of it.
        node: the id of its node.
        is_up: whether it has started.
        out_of_reach: whether Ray could not reach it the last time.
    """

    copy: Copy
    node: str
    is_up: bool = False
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


@dataclass(eq=False, slots=True)
class _Peer:
    """A peer that commits.

    Args:
        stores: each has all its commits, or has died.
        committer: its newest incarnation; None: none has begun.
        placing: held while copies are chosen and filled.
        telling: held while the incarnation is told of its copies, so that it is told of them in their order.
    """

    stores: list[_Store] = field(default_factory=list)
    committer: Committer | None = None
    placing: Lock = field(default_factory=Lock)
    telling: Lock = field(default_factory=Lock)


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
        self._peers: dict[Address, _Peer] = {}
        self._choosing = Lock()
        """Held while stores are chosen, so that no two peers have one started on the same node at once."""
        self._lock = Lock()
        self._closed = Event()
        self._here_id = ""
        self._threads: list[Thread] = []

    def open(self) -> None:
        """Start the first store actors, beside the first actors of peers, so that these need not wait for them."""
        self._here_id = cluster.here()
        for node in sorted(cluster.nodes(), key=lambda node: (node != self._here_id, node))[: self._count + 1]:
            self._new_store(node)

    def begin(
        self, address: Address, number: int, committer: Committer, assign: Callable[[tuple[Copy, ...]], None]
    ) -> None:
        """Let a new incarnation commit: to stores on other nodes than its own, where there are any.

        Args:
            address: of the peer.
            number: of the incarnation, as the store counts.
            committer: the incarnation.
            assign: called with its copies, before the committer is told of others.

        Raises:
            RunFailedError: store actors do not start, or end again and again.
            Ignore: the run is over.
        """
        peer = self._peers.setdefault(address, _Peer())
        self._numbers[address] = number
        while not (living := self._living(peer)) and self._failure is None:
            self._start_copies(address, peer, committer.node)
        if self._failure is not None:
            raise RunFailedError(self._failure)
        with peer.telling:
            peer.committer = committer
            assign(_copies(living))
        self._beside(self._complete, address, peer)

    def open_here(self, address: Address, number: int) -> Snapshot | None:
        """See `Commits`."""
        log = self._here[address] = CopiedLog(address, number, ())
        self.begin(address, number, Committer(cluster.here(), log.commit_to, lambda: None), log.commit_to)
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
        self._peers.clear()

    def _living(self, peer: _Peer) -> list[_Store]:
        """Return the stores that have all commits of a peer and have not died, as far as is known."""
        return [each for each in peer.stores if each in self._up]

    def _start_copies(self, address: Address, peer: _Peer, node: str) -> None:
        """Choose the first copies of a peer, or others where all have died, and wait until they have what there is."""
        with peer.placing:
            if self._living(peer):
                return
            if self._closed.is_set():
                raise Ignore
            chosen = self._wanted(address, node, ())
            for store in chosen:
                self._answer(store, "answer")
            if self._fill(address, chosen):
                peer.stores = chosen

    def _complete(self, address: Address, peer: _Peer) -> None:
        """Have the commits of a peer in as many stores as wanted, on the best nodes, while it goes on.

        It commits to the old ones and to the new ones while these are filled. Stores that have not started are left
        out: this is called again when they have.
        """
        with peer.placing:
            committer = peer.committer
            while committer is not None and not self._closed.is_set():
                has_all = self._living(peer)
                wanted = self._wanted(address, committer.node, has_all)
                started = [each for each in wanted if each.is_up]
                chosen = [*started, *(each for each in has_all if each not in started)][: self._count]
                new = [each for each in chosen if each not in has_all]
                if set(chosen) == set(peer.stores) or not chosen:
                    return
                with peer.telling:
                    if committer is peer.committer:
                        committer.commit_to(_copies([*has_all, *new]))
                if not self._fill(address, new):
                    return  # one of them has died, and is replaced
                with peer.telling:
                    if committer is peer.committer:
                        peer.stores = chosen
                        committer.commit_to(_copies(chosen))
                        return
                    committer = peer.committer  # which has committed to the old ones alone

    def _wanted(self, address: Address, node: str, known: Sequence[_Store]) -> list[_Store]:
        """Return as many stores as wanted, on the best nodes for a peer on ``node``; some may still start.

        Those that are ``known`` are chosen before others on their nodes, and stay if they are out of reach: else all
        copies may come to be on one node that is in reach, and die with it.
        """
        up = list(cluster.nodes())  # without that of the peer, if this has died
        nodes = [each for each in self._places.stores(address, node, up) if each in up]
        unsure = {each.node for each in self._up if each.out_of_reach} - {each.node for each in known}
        nodes = [each for each in nodes if each not in unsure] or nodes
        # Of several copies one is on the node of this process, which ends only with the run.
        nodes = sorted(nodes, key=lambda each: each != self._here_id) if self._count > 1 else nodes
        wanted: list[_Store] = []
        with self._choosing:
            for index in range(self._count):
                on = nodes[index % len(nodes)]
                there = (each for each in [*known, *self._up] if each.node == on and each not in wanted)
                wanted.append(next(there, None) or self._new_store(on))
        return wanted

    def _fill(self, address: Address, new: Sequence[_Store]) -> bool:
        """Give stores all commits of a peer; return whether each of them has them."""
        if not new:
            return True
        commits, number = self._all(address), self._numbers[address]
        # A peer asks them for its last commit, and Ray may carry out its call before one made earlier from here.
        return all(self._answer(store, "commit", packed, number) for store in new for packed in commits)

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
        self._beside(self._watch, store)
        return store

    def _watch(self, store: _Store) -> None:
        while not self._closed.is_set():
            try:
                ray.get(store.copy.handle.answer.remote())
                if store.out_of_reach or not store.is_up:
                    store.is_up, store.out_of_reach = True, False
                    self._complete_all()  # its node was not chosen so far
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
            for peer in list(self._peers.values()):
                if peer.committer is not None:
                    peer.committer.end()  # its next incarnation ends the run
            return
        logger.warning("a store of commits is replaced: %s", cause(error))
        self._complete_all()

    def _complete_all(self) -> None:
        for address, peer in list(self._peers.items()):
            self._beside(self._complete, address, peer)

    def _beside(self, do: Callable[..., None], *arguments: object) -> None:
        """Do something in a thread that `close` waits for."""
        with self._lock:
            if self._closed.is_set():
                return
            thread = Thread(target=do, args=arguments, name="keeps commits in stores", daemon=True)
            self._threads = [*(each for each in self._threads if each.is_alive()), thread]
            thread.start()

    def _stages(self) -> Iterable[Address]:
        return self._all_stages

    def _at(self, address: Address, step: int) -> Snapshot | None:
        return next((each.snapshot() for each in self._all(address) if each.step == step), None)

    def _all(self, address: Address) -> list[Packed]:
        """Return the commits of a peer, by step, from all copies in reach; without copies, from the store."""
        peer = self._peers.get(address)
        if peer is None or not peer.stores:
            commit = self._store.latest(address)
            return [] if commit is None else [Packed.of(commit)]
        found: dict[int, Packed] = {}
        for store in sorted(peer.stores, key=lambda each: each.out_of_reach):
            if found and store.out_of_reach:
                break  # it need not be waited for
            answer = self._answer(store, "commits", address)
            if answer is not None:
                found.update({each.step: each.copied() for each in answer[1]})
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


def _copies(stores: Iterable[_Store]) -> tuple[Copy, ...]:
    return tuple(each.copy for each in stores)
