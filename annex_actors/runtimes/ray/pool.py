"""The pool of a run's actors: each start of a peer gets a new one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from time import sleep
from types import TracebackType
from typing import Self

from annex_actors.base.errors import UserError
from annex_actors.base.texts import listed
from annex_actors.base.user_files import user_file_content
from annex_actors.placement.needs import Needs, NodeStrategy
from annex_actors.placement.places import NoNodeError
from annex_actors.protocol.messages import Address
from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.watchdog import CHECKS_PER_LIMIT, MAX_INTERVAL_S
from annex_actors.runtimes.hosting.workers.assignments import assignment
from annex_actors.runtimes.hosting.workers.commits import FilledStore
from annex_actors.runtimes.hosting.workers.connections import Connections
from annex_actors.runtimes.hosting.workers.control_messages import Assign, Connect
from annex_actors.runtimes.hosting.workers.start_limit import StartLimit
from annex_actors.runtimes.hosting.workers.startup import Startup
from annex_actors.runtimes.hosting.workers.worker_child import WorkerChild, WorkerRef
from annex_actors.runtimes.program import PeerSpec, Program, RunFailedError
from annex_actors.runtimes.ray import cluster
from annex_actors.runtimes.ray.actor_worker import ActorWorker, Caller
from annex_actors.runtimes.ray.facts import compare, facts
from annex_actors.runtimes.ray.node_names import NodeNames
from annex_actors.runtimes.ray.places import AnyPlace, Options, RayPlaces
from annex_actors.runtimes.ray.planned_places import PlannedPlaces
from annex_actors.runtimes.ray.remote_worker import AssignWithCopies, CommitTo, remote_class
from annex_actors.runtimes.ray.spare_actors import SpareActors
from annex_actors.runtimes.ray.stored_commits import Committer, StoredCommits
from supervisors import Ignore, StartContext, StartError

NODE_PAUSE_S = 0.5
"""Seconds between two looks whether there is a node that has what an actor needs."""


class RayPool:
    """Starts peers in Ray actors. Its exit ends them all and copies their last commits to the program's store.

    Args:
        program: the run.
        address: of a cluster; see `RayRuntime`.
        copies: of each commit.
        commit_every: steps between two commits of a stage.
        spares: how many actors wait in reserve.
        places: says where actors live; None: what the program's plan says.
    """

    def __init__(
        self,
        program: Program,
        address: str | None,
        *,
        copies: int,
        commit_every: int,
        spares: int,
        places: RayPlaces | None = None,
    ) -> None:
        self._program = program
        self._address = address
        self._commit_every = commit_every
        self._places = places or _places_of(program)
        self._beat_s = min(MAX_INTERVAL_S, program.supervision.hang_seconds / CHECKS_PER_LIMIT) / 2
        self._class = remote_class()
        self._caller = Caller()
        self._names = NodeNames(cluster.nodes)
        self._spares = SpareActors(self._new_worker, spares)
        self._limit = StartLimit(program.supervision)
        self._hosts: dict[Address, ActorWorker] = {}
        """The newest actor of each peer."""
        self._resources = ExitStack()
        self._has_failed: Callable[[], bool] = lambda: False
        deaths = program.supervision.max_restarts
        stages = [spec.address for spec in program.stages]
        self.commits = StoredCommits(program.store, stages, self._places, copies, commit_every, deaths)
        self.store = FilledStore(program.store, self.commits)
        self.connections = Connections(_join)

    def __enter__(self) -> Self:
        """Connect to Ray, and start the store actors.

        Raises:
            ConfigError: no cluster answers at the address.
        """
        with ExitStack() as stack:
            self._load = {path: user_file_content(path) for path in self._program.load}
            self._facts = facts()
            stack.enter_context(cluster.connected(self._address))
            self._here = cluster.here()
            stack.enter_context(self._caller)
            stack.callback(self.commits.close)
            stack.callback(self._spares.close)
            for spec in self._program.served:
                self._spares.add(self._options(spec.address, sleep))
            self.commits.open()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            self._spares.close()
            missing = self.commits.copy_all()
            if missing and self._has_steps() and not self._has_failed():
                raise RunFailedError(
                    f"all copies of the last commits of {listed([str(each) for each in missing])} are lost with their "
                    "nodes, and with them the end of this run; resume from the last checkpoint"
                )

    def _has_steps(self) -> bool:
        """Return whether the driver has committed a step; a predictor commits nothing, and so do its stages."""
        commit = self._program.store.latest(self._program.driver.address)
        return commit is not None and commit.step > 0

    def start(self, spec: PeerSpec, surroundings: RunSurroundings, context: StartContext) -> WorkerChild:
        """Start a peer in an actor, and return its child when it is up.

        Raises:
            Ignore: the run is over.
            StartError: no actor can be started.
            BaseException: the exception of the peer.
        """
        start = partial(self._start, spec, surroundings, context.incarnation)
        child = self._limit.tried(spec.label, start, surroundings.pause)
        self._limit.record_up()
        return child

    def _start(self, spec: PeerSpec, surroundings: RunSurroundings, incarnation: int) -> WorkerChild:
        self._has_failed = surroundings.has_failed
        number, _ = surroundings.open(spec.address)

        def pause(seconds: float) -> None:
            surroundings.pause(seconds)
            if surroundings.is_over:
                raise Ignore

        worker = self._spares.take(self._options(spec.address, pause))
        worker.label = spec.label
        try:
            compare(self._facts, worker.ready().facts, worker.node_name)
        except StartError as error:
            if isinstance(error.__cause__, UserError):
                raise error.__cause__ from None
            raise
        assigned = assignment(self._program, spec, incarnation, number, self._commit_every, surroundings)
        assign = partial(self._assign, worker)
        return Startup(assigned, worker, surroundings, self.connections, self.commits, self._program, assign).run()

    def _options(self, address: Address, pause: Callable[[float], None]) -> Options:
        """Return where an actor is to live; wait for a node that has what it needs, which the plan limits.

        Raises:
            RunFailedError: there is none in time.
        """
        last = clock.now() + self._program.places.wait_seconds
        while True:
            try:
                return self._places.peer(address)
            except NoNodeError as error:
                if clock.now() > last:
                    raise RunFailedError(str(error)) from None
            pause(NODE_PAUSE_S)  # Ray tells of no new node by itself

    def _new_worker(self, options: Options) -> ActorWorker:
        handle = self._class.options(**options).remote(self._beat_s)
        return ActorWorker(options, handle, self._load, self._caller, self._names, self._here)

    def _assign(self, worker: ActorWorker, assigned: Assign) -> None:
        address, number = assigned.spec.address, assigned.number
        committer = Committer(worker.node_id, lambda copies: worker.send(CommitTo(copies)), worker.kill)
        trace = self._program.trace
        worker.trace = None if trace is None else trace.fed(address, number)
        last, self._hosts[address] = self._hosts.get(address), worker
        careful = last is not None and last.died
        self.commits.begin(
            address, number, committer, lambda copies: worker.send(AssignWithCopies(assigned, copies, careful))
        )


def _places_of(program: Program) -> RayPlaces:
    """Return what a program's plan says of nodes; where it says nothing, Ray chooses."""
    places = program.places
    if places.strategy is NodeStrategy.SPREAD and not any(each != Needs() for each in places.needs.values()):
        return AnyPlace()
    return PlannedPlaces(places, [spec.address for spec in program.stages], cluster.placing_nodes)


def _join(one: WorkerRef, other: WorkerRef) -> None:
    """Tell two actors of each other."""
    for ref, neighbour in ((one, other), (other, one)):
        assert isinstance(neighbour.worker, ActorWorker)
        ref.worker.send(Connect(neighbour.address, neighbour.number, neighbour.worker.handle))
