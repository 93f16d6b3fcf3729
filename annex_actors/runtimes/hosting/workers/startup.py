"""One start of a peer in a worker, from its assignment until it is up, and its messages from then on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

from annex_actors.protocol.effects import Emit, Send
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import InjectedFaults, Strike
from annex_actors.runtimes.faults.planned import CrashPlan
from annex_actors.runtimes.handed_over import Failure, Fingerprint
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.workers.commits import Commits
from annex_actors.runtimes.hosting.workers.connections import Connections
from annex_actors.runtimes.hosting.workers.control_messages import (
    Assign,
    Connected,
    Crashing,
    Kept,
    Ping,
    ProbeAnswer,
    Up,
)
from annex_actors.runtimes.hosting.workers.worker_child import Worker, WorkerChild, WorkerRef
from annex_actors.runtimes.program import Program
from supervisors import ActorDead, Reason, StartError

logger = logging.getLogger(__name__)


START_S = 60.0
"""Seconds that a peer may take to come up, or a process to import what the program imports."""


class Startup:
    """The start of a peer in a worker.

    Args:
        assignment: of the peer.
        worker: hosts the peer.
        surroundings: of the run.
        connections: of the run.
        commits: of the run.
        program: the run.
        assign: sends the worker its assignment, with all that goes with it.
    """

    def __init__(
        self,
        assignment: Assign,
        worker: Worker,
        surroundings: RunSurroundings,
        connections: Connections,
        commits: Commits,
        program: Program,
        assign: Callable[[Assign], None],
    ) -> None:
        self._assignment = assignment
        self._surroundings = surroundings
        self._connections = connections
        self._commits = commits
        self._assign = assign
        self._crashes = program.crashes or CrashPlan()
        self._faults = program.faults or InjectedFaults()
        self._handing_over = program.handing_over
        self._ref = WorkerRef(assignment.spec.address, assignment.incarnation, assignment.number, worker)
        self._decided = Event()
        self._is_up = False
        self._reason: Reason | None = None

    def run(self) -> WorkerChild:
        """Start the peer, and return the child when it is up.

        Raises:
            StartError: the peer takes too long.
            BaseException: the exception of the peer, or how its worker died.
        """
        child = WorkerChild(self._ref)
        self._begin(child)
        in_time = self._decided.wait(START_S)
        if not in_time:
            self._ref.worker.kill()
            self._decided.wait()
        if self._is_up:
            return child
        if not in_time:
            raise StartError(f"{self._ref} was not up within {START_S:g} s")
        raise self._take_failure()

    def _begin(self, child: WorkerChild) -> None:
        """Register the peer, so that its neighbours can answer it; then send the assignment."""
        ref, assignment = self._ref, self._assignment
        ref.worker.serve(self._on_message)
        self._surroundings.registry.register(ref.address, ref, incarnation=ref.incarnation)
        child.watch(self._on_exit)
        self._connections.connect(ref, assignment.spec.routing)
        self._assign(assignment)

    def _on_message(self, message: Any) -> None:
        ref, surroundings = self._ref, self._surroundings
        match message:
            case Send(to, envelope):
                self._connections.relay(ref, partial(self._deliver, to, envelope))
            case Emit(event):
                surroundings.emit(event)
            case Kept(step):
                self._commits.copy(ref.address, step, self._assignment.number)
            case Connected(peer, number):
                self._connections.record_connected(ref.address, peer, number)
            case ProbeAnswer(number, answer):
                ref.answered(number, answer)
            case Crashing(place):
                self._crashes.take(place)
            case Strike():
                self._faults.record(message)
            case Failure() | Fingerprint():
                if self._handing_over is not None:
                    self._handing_over.keep(message)
            case Up(time):  # watched from now on; the start has its own deadline
                worker = ref.worker
                surroundings.watch(ref.address, worker.heartbeat, ping=partial(worker.send, Ping()))
                surroundings.record_start(ref.address, ref.incarnation, time, ref.node)
                self._is_up = True
                self._decided.set()

    def _deliver(self, to: Address, envelope: Envelope) -> None:
        """Deliver to a peer in this process. One that is in a worker now is sent this again, over its channel.

        Were it delivered as well, it could come after what is sent later; a survey needs what a channel has in order.
        """
        receiver = self._surroundings.registry.whereis(to)
        if receiver is not None and not isinstance(receiver, WorkerRef):
            receiver.tell(envelope)

    def _on_exit(self, reason: Reason) -> None:
        """Free the peer's name, before anything else learns of the end."""
        ref = self._ref
        if not self._is_up:
            self._reason = reason
        self._connections.remove(ref)
        self._surroundings.registry.unregister(ref.address, ref)
        output = ref.worker.output()
        if output:
            logger.warning("%s#%d wrote, before it ended (%s):\n%s", ref.address, ref.incarnation, reason, output)
        ref.worker.close()
        self._decided.set()

    def _take_failure(self) -> BaseException:
        """Remove and return the reason why the peer is not up: its traceback will refer to this."""
        reason, self._reason = self._reason, None
        assert reason is not None
        return reason.exception or ActorDead(f"{self._ref} ended in its start: {reason}", reason)
