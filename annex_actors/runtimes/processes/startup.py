"""One start of a peer in a process: from its assignment until it is up, and what it says from then on."""

from __future__ import annotations

import logging
import os
from functools import partial
from threading import Event
from typing import Any

from annex_actors.protocol.effects import Emit, Send
from annex_actors.runtimes.faults.planned import CrashPlan
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.processes.commit_logs import CommitLogs
from annex_actors.runtimes.processes.connections import Connections
from annex_actors.runtimes.processes.control_messages import Assign, Connected, Crashing, Kept, Ping, Up
from annex_actors.runtimes.processes.process_child import ProcessChild, ProcessRef
from annex_actors.runtimes.processes.spare_workers import START_S
from annex_actors.runtimes.processes.worker_process import WithFiles, WorkerProcess
from supervisors import ActorDead, Reason

logger = logging.getLogger(__name__)


class Startup:
    """A process that is told to be a peer.

    Args:
        order: which one.
        process: it.
        surroundings: of the run.
        connections: with its neighbours.
        logs: where it commits.
        crashes: the failures on order; None: there are none.
    """

    def __init__(
        self,
        order: Assign,
        process: WorkerProcess,
        surroundings: RunSurroundings,
        connections: Connections,
        logs: CommitLogs,
        crashes: CrashPlan | None,
    ) -> None:
        self._order = order
        self._surroundings = surroundings
        self._connections = connections
        self._logs = logs
        self._crashes = crashes
        self._ref = ProcessRef(order.spec.address, order.incarnation, process)
        self._decided = Event()
        self._is_up = False
        self._reason: Reason | None = None

    def run(self) -> ProcessChild:
        """Return the child when it is up.

        Raises:
            BaseException: what the peer raised; or `ProcessDied`.
        """
        child = ProcessChild(self._ref)
        self._begin(child)
        if not self._decided.wait(START_S):
            self._ref.process.kill()
            self._decided.wait()
        if not self._is_up:
            raise self._take_failure()
        return child

    def _begin(self, child: ProcessChild) -> None:
        """Register the peer, before it asks its neighbours for what it missed, and give it its work."""
        ref, order = self._ref, self._order
        ref.process.serve(self._on_message)
        self._surroundings.registry.register(ref.address, ref, incarnation=ref.incarnation)
        child.watch(self._on_exit)
        self._connections.connect(ref, order.spec.routing)
        fds = [self._logs.hand_over(ref.address, order.life), os.dup(ref.process.heartbeat_fd)]
        ref.process.send(WithFiles(order, fds))

    def _on_message(self, message: Any) -> None:
        ref, surroundings = self._ref, self._surroundings
        match message:
            case Send(to, envelope):
                self._connections.relay(ref, partial(surroundings.send, to, envelope))
            case Emit(event):
                surroundings.emit(event)
            case Kept(step):
                self._logs.copy(ref.address, step, self._order.life)
            case Connected(peer, incarnation):
                self._connections.note_connected(ref.address, peer, incarnation)
            case Crashing(place) if self._crashes is not None:
                self._crashes.take(place)
            case Up():  # from now on it must answer; its start has a deadline of its own
                process = ref.process
                surroundings.watch(ref.address, process.heartbeat, ping=partial(process.send, Ping()))
                surroundings.note_start(ref.address, ref.incarnation)
                self._is_up = True
                self._decided.set()

    def _on_exit(self, reason: Reason) -> None:
        """Make the name free, before anything else learns of the end."""
        ref = self._ref
        if not self._is_up:
            self._reason = reason
        self._connections.forget(ref)
        self._surroundings.registry.unregister(ref.address, ref)
        output = ref.process.output()
        if output:
            logger.warning("%s#%d wrote, before it ended (%s):\n%s", ref.address, ref.incarnation, reason, output)
        ref.process.close()
        self._decided.set()

    def _take_failure(self) -> BaseException:
        """Return why the peer is not up, and keep it no longer: its traceback will hold this."""
        reason, self._reason = self._reason, None
        assert reason is not None
        return reason.exception or ActorDead(f"{self._ref} ended in its start: {reason}", reason)
