"""One start of a peer in a process, from its assignment until it is up, and its messages from then on."""

from __future__ import annotations

import logging
import os
from functools import partial
from threading import Event
from typing import Any

from annex_actors.protocol.effects import Emit, Send
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import InjectedFaults, Strike
from annex_actors.runtimes.faults.planned import CrashPlan
from annex_actors.runtimes.handed_over import Failure, Fingerprint
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.processes.commit_logs import CommitLogs
from annex_actors.runtimes.processes.connections import Connections
from annex_actors.runtimes.processes.control_messages import Assign, Connected, Crashing, Kept, Ping, ProbeAnswer, Up
from annex_actors.runtimes.processes.process_child import ProcessChild, ProcessRef
from annex_actors.runtimes.processes.slab import SlabWriter, new_slab
from annex_actors.runtimes.processes.spare_workers import START_S
from annex_actors.runtimes.processes.worker_process import WithFiles, WorkerProcess
from annex_actors.runtimes.program import Program
from supervisors import ActorDead, Reason, StartError

logger = logging.getLogger(__name__)


class Startup:
    """The start of a peer in a process.

    Args:
        assignment: of the peer.
        process: hosts the peer.
        surroundings: of the run.
        connections: of the run.
        logs: of the run.
        program: the run.
    """

    def __init__(
        self,
        assignment: Assign,
        process: WorkerProcess,
        surroundings: RunSurroundings,
        connections: Connections,
        logs: CommitLogs,
        program: Program,
    ) -> None:
        self._assignment = assignment
        self._surroundings = surroundings
        self._connections = connections
        self._logs = logs
        self._crashes = program.crashes or CrashPlan()
        self._faults = program.faults or InjectedFaults()
        self._trace = program.trace
        self._handing_over = program.handing_over
        self._ref = ProcessRef(assignment.spec.address, assignment.incarnation, assignment.number, process)
        self._decided = Event()
        self._is_up = False
        self._reason: Reason | None = None

    def run(self) -> ProcessChild:
        """Start the peer, and return the child when it is up.

        Raises:
            StartError: the peer takes too long.
            BaseException: the exception of the peer, or `ProcessDied`.
        """
        child = ProcessChild(self._ref)
        self._begin(child)
        in_time = self._decided.wait(START_S)
        if not in_time:
            self._ref.process.kill()
            self._decided.wait()
        if self._is_up:
            return child
        if not in_time:
            raise StartError(f"{self._ref} was not up within {START_S:g} s")
        raise self._take_failure()

    def _begin(self, child: ProcessChild) -> None:
        """Register the peer, so that its neighbours can answer it; then send the assignment."""
        ref, assignment = self._ref, self._assignment
        ref.process.serve(self._on_message)
        self._surroundings.registry.register(ref.address, ref, incarnation=ref.incarnation)
        child.watch(self._on_exit)
        self._connections.connect(ref, assignment.spec.routing)
        heartbeat = ref.process.heartbeat_file()
        if heartbeat is not None:  # else it has ended, and `_on_exit` is called
            slab = new_slab()
            fds = [self._logs.duplicate_fd(ref.address, assignment.number), heartbeat, os.dup(slab)]
            fds += [self._trace.memory_of(ref.address, assignment.number)] if self._trace else []
            ref.process.send(WithFiles(assignment, fds, slab=SlabWriter(slab)))

    def _on_message(self, message: Any) -> None:
        ref, surroundings = self._ref, self._surroundings
        match message:
            case Send(to, envelope):
                self._connections.relay(ref, partial(self._deliver, to, envelope))
            case Emit(event):
                surroundings.emit(event)
            case Kept(step):
                self._logs.copy(ref.address, step, self._assignment.number)
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
                process = ref.process
                surroundings.watch(ref.address, process.heartbeat, ping=partial(process.send, Ping()))
                surroundings.record_start(ref.address, ref.incarnation, time)
                self._is_up = True
                self._decided.set()

    def _deliver(self, to: Address, envelope: Envelope) -> None:
        """Deliver to a peer in this process. One that is in a process now is sent this again, over its channel.

        Were it delivered as well, it could come after what is sent later; a survey needs what a channel has in order.
        """
        receiver = self._surroundings.registry.whereis(to)
        if receiver is not None and not isinstance(receiver, ProcessRef):
            receiver.tell(envelope)

    def _on_exit(self, reason: Reason) -> None:
        """Free the peer's name, before anything else learns of the end."""
        ref = self._ref
        if not self._is_up:
            self._reason = reason
        self._connections.remove(ref)
        self._surroundings.registry.unregister(ref.address, ref)
        output = ref.process.output()
        if output:
            logger.warning("%s#%d wrote, before it ended (%s):\n%s", ref.address, ref.incarnation, reason, output)
        ref.process.close()
        self._decided.set()

    def _take_failure(self) -> BaseException:
        """Remove and return the reason why the peer is not up: its traceback will refer to this."""
        reason, self._reason = self._reason, None
        assert reason is not None
        return reason.exception or ActorDead(f"{self._ref} ended in its start: {reason}", reason)
