"""What the processes of a run share in the process that supervises them: spares, shelves, and who talks to whom."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event, RLock
from types import TracebackType
from typing import Any, Self

from annex_actors.base.errors import UserError
from annex_actors.protocol.effects import Emit, Send
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.processes.control_messages import Assign, Connect, Connected, Crashing, Kept, Ping, Up
from annex_actors.runtimes.processes.process_child import ProcessChild, ProcessRef
from annex_actors.runtimes.processes.spare_workers import START_S, SpareWorkers
from annex_actors.runtimes.processes.worker_process import WithFiles
from annex_actors.runtimes.program import PeerSpec, Program, RunFailedError
from annex_actors.stores.shared_log import SharedCommitLog, nameless_memory
from supervisors import ActorDead, ChildSpec, Reason, StartContext, StartError

logger = logging.getLogger(__name__)


class WorkerPool:
    """The processes of one run; close it to end them all, with their last commits in the program's store.

    Args:
        program: the run.
        spares: how many processes wait in reserve.
        affinity: give each process a core of its own, as far as there are.
        commit_every: steps from one commit of a stage to the next.
        load: see `WorkerProcess`.
    """

    def __init__(
        self, program: Program, *, spares: int, affinity: bool, commit_every: int = 1, load: tuple[str, ...] = ()
    ) -> None:
        self._program = program
        self._store = program.store
        self._spares = SpareWorkers(spares, load)
        self._commit_every = commit_every
        self._first = len(program.stages) + spares
        self._cores = sorted(os.sched_getaffinity(0)) if affinity else []
        self._shelves: dict[Address, int] = {}
        self._lives: dict[Address, int] = {}
        self._up: dict[Address, _Life] = {}
        self._lock = RLock()

    def __enter__(self) -> Self:
        """Start processes, and put on the shelves what the store holds already.

        Raises:
            RunFailedError: no process can be started, or none that can import what the program imports.
            UserError: a process said that the program or a setting is not as it must be.
        """
        try:
            for spec in self._program.stages:
                self._shelves[spec.address] = nameless_memory(str(spec.address))
                commit = self._store.latest(spec.address)
                if commit is not None:
                    self._shelf(spec.address).commit(commit)
            self._spares.fill(self._first)
            self._spares.await_first()
        except StartError as error:
            self._close()
            cause = error.__cause__
            if isinstance(cause, UserError):
                raise cause.with_traceback(None) from None
            raise RunFailedError(f"the run did not start: {error}") from cause
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spares.close()
        for address, life in self._lives.items():
            self._collect(address, life)
        self._close()

    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        """Return the specification of a peer in a process."""
        return ChildSpec(id=str(spec.address), start=partial(self.start, spec, surroundings))

    def peer(self, ref: ProcessRef) -> ProcessRef:
        """Return what others hold of it."""
        return ref

    def start(self, spec: PeerSpec, job: RunSurroundings, context: StartContext) -> ProcessChild:
        """Start a peer and return when it is up: a specification's ``start``.

        Raises:
            Ignore: the run has failed.
            StartError: there is no process to be had.
            BaseException: what the peer raised; or `ProcessDied`.
        """
        life, _ = job.open(spec.address)
        process = self._spares.take()
        child = ProcessChild(ProcessRef(spec.address, context.incarnation, process))
        start = _Startup(self, spec, job, child, life)
        start.begin()
        return start.wait()

    # What one start after the other needs

    def assign(self, spec: PeerSpec, ref: ProcessRef, life: int) -> None:
        """Connect a process with its neighbours, and make it a peer."""
        self._lives[spec.address] = life
        if self._cores:
            place = [each.address for each in self._program.stages].index(spec.address)
            os.sched_setaffinity(ref.process.pid, {self._cores[place % len(self._cores)]})
        self._connect(spec, ref)
        crashes = self._program.crashes
        left = crashes.crashes() if crashes else ()
        order = Assign(spec, ref.incarnation, life, self._store.depth, self._store.every, self._commit_every, left)
        fds = [os.dup(self._shelves[spec.address]), os.dup(ref.process.beacon_fd)]
        ref.process.send(WithFiles(order, fds))

    def relay(self, ref: ProcessRef, deliver: Callable[[], None]) -> None:
        """Deliver what a process sends by this one, in order, but nothing before its neighbours are connected with it.

        Whoever hears of a new life, and sends anew what the life before has lost, sends by way of neighbours who would
        send it to that life still. A neighbour that does not answer is found by the vigil, and its next life answers.
        """
        with self._lock:
            life = self._up.get(ref.address)
            if life is not None and life.ref is ref and life.unconnected:
                life.held.append(deliver)
            else:
                deliver()

    def note_connected(self, neighbour: Address, peer: Address, incarnation: int) -> None:
        """Hear that a neighbour has its end of the connection with a new life."""
        with self._lock:
            life = self._up.get(peer)
            if life is not None and life.ref.incarnation == incarnation:
                life.note_connected(neighbour)

    def forget(self, ref: ProcessRef) -> None:
        """Connect nobody with a process that has ended. Who waited for it waits for its next life."""
        with self._lock:
            life = self._up.get(ref.address)
            if life is not None and life.ref is ref:
                del self._up[ref.address]

    def keep(self, address: Address, step: int, life: int) -> None:
        """Copy a commit from its shelf to the store."""
        snapshot = self._shelf(address).at(step)
        if snapshot is not None:
            self._store.commit(snapshot, life)

    def crash(self, crashing: Crashing) -> None:
        """Count a failure on order."""
        if self._program.crashes is not None:
            self._program.crashes.take(crashing.place)

    def _connect(self, spec: PeerSpec, ref: ProcessRef) -> None:
        """Give a new process and each neighbour that is up the two ends of a new connection."""
        with self._lock:
            life = _Life(ref)
            for address in sorted(spec.routing.neighbours(spec.address) & self._up.keys()):
                neighbour = self._up[address].ref
                here, there = socket.socketpair()
                ref.process.send(WithFiles(Connect(address, neighbour.incarnation), [here.detach()]))
                neighbour.process.send(WithFiles(Connect(spec.address, ref.incarnation), [there.detach()]))
                life.unconnected.add(address)
            self._up[spec.address] = life
            if ref.process.gone:  # and was forgotten before it was known
                self.forget(ref)

    def _collect(self, address: Address, life: int) -> None:
        for snapshot in self._shelf(address).snapshots():
            self._store.commit(snapshot, life)

    def _shelf(self, address: Address) -> SharedCommitLog:
        return SharedCommitLog(self._shelves[address])

    def _close(self) -> None:
        self._spares.close()
        while self._shelves:
            os.close(self._shelves.popitem()[1])


@dataclass(eq=False, slots=True)
class _Life:
    """A life of a peer, as those who send to it come to know of it.

    Args:
        ref: the peer.
        unconnected: the neighbours that do not yet send to this life.
        held: what it sent by the supervising process in the meantime.
    """

    ref: ProcessRef
    unconnected: set[Address] = field(default_factory=set)
    held: list[Callable[[], None]] = field(default_factory=list)

    def note_connected(self, neighbour: Address) -> None:
        """Hear that a neighbour is connected; after the last one deliver what was held."""
        self.unconnected.discard(neighbour)
        if not self.unconnected:
            held, self.held = self.held, []
            for deliver in held:
                deliver()


class _Startup:
    """One start of a peer, from the assignment until it is up, and what is heard of it from then on."""

    def __init__(
        self, workshop: WorkerPool, spec: PeerSpec, job: RunSurroundings, child: ProcessChild, life: int
    ) -> None:
        self._workshop = workshop
        self._spec = spec
        self._job = job
        self._child = child
        self._ref = child.ref
        self._life = life
        self._decided = Event()
        self._is_up = False
        self._reason: Reason | None = None

    def begin(self) -> None:
        """Register the peer, before it asks its neighbours for what it missed, and give it its work."""
        ref, process = self._ref, self._ref.process
        process.serve(self._hear)
        self._job.registry.register(ref.address, ref, incarnation=ref.incarnation)
        self._child.watch(self._bury)
        self._workshop.assign(self._spec, ref, self._life)

    def wait(self) -> ProcessChild:
        """Return the child when it is up."""
        if not self._decided.wait(START_S):
            self._ref.process.kill()
            self._decided.wait()
        if not self._is_up:
            assert self._reason is not None
            raise self._reason.exception or ActorDead(f"{self._ref} ended in its start: {self._reason}", self._reason)
        return self._child

    def _hear(self, message: Any) -> None:
        ref = self._ref
        match message:
            case Send(to, envelope):
                self._workshop.relay(ref, partial(self._job.send, to, envelope))
            case Emit(event):
                self._job.emit(event)
            case Kept(step):
                self._workshop.keep(ref.address, step, self._life)
            case Connected(peer, incarnation):
                self._workshop.note_connected(ref.address, peer, incarnation)
            case Crashing():
                self._workshop.crash(message)
            case Up():  # from now on it must answer; its start has a deadline of its own
                process = ref.process
                self._job.watch(ref.address, process.beacon, ping=lambda: process.send(Ping()))
                self._job.note_start(ref.address, ref.incarnation)
                self._is_up = True
                self._decided.set()

    def _bury(self, reason: Reason) -> None:
        """Make the name free, before anybody else hears of the end."""
        ref = self._ref
        self._reason = reason
        self._workshop.forget(ref)
        self._job.registry.unregister(ref.address, ref)
        output = ref.process.output()
        if output:
            logger.warning("%s#%d wrote, before it ended (%s):\n%s", ref.address, ref.incarnation, reason, output)
        ref.process.close()
        self._decided.set()
