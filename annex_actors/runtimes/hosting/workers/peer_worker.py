"""The worker's side: it obeys the control messages of the supervising process, and hosts the peer assigned to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Any

from annex_actors.base.heap import keep_what_is_freed
from annex_actors.protocol.instrument import Instrument
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER
from annex_actors.protocol.survey import SURVEYOR
from annex_actors.runtimes.blas import blas_threads
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.probed import probed
from annex_actors.runtimes.hosting.workers.control_messages import (
    Assign,
    Connect,
    Connected,
    Ended,
    Inject,
    Ping,
    Probe,
    ProbeAnswer,
    Relay,
    Stop,
)
from annex_actors.runtimes.hosting.workers.ending import ended_by
from annex_actors.runtimes.hosting.workers.worker_surroundings import Channel, CommitLog, WorkerSurroundings
from annex_actors.runtimes.threads import PeerActor
from supervisors import SHUTDOWN, Child, ChildSpec, Reason, StartContext


class PeerWorker(ABC):
    """Hosts one peer in this process, and ends with it. A runtime says how messages travel and where commits go."""

    def __init__(self) -> None:
        keep_what_is_freed()
        self._channels: dict[Address, Channel] = {}
        self._relayed = {TRAINER, SURVEYOR}
        self._surroundings: WorkerSurroundings | None = None
        self._heartbeat: Heartbeat | None = None
        self._child: Child | None = None
        self._blas = ExitStack()

    @abstractmethod
    def _tell(self, message: object) -> None:
        """Send a message to the supervising process."""

    @abstractmethod
    def _open_channel(self, connect: Connect) -> Channel:
        """Return the channel to a neighbour; what that has sent over the one before is taken no more."""

    @abstractmethod
    def _assigned(self, assignment: Assign) -> None:
        """Host a peer, by `_host`."""

    @abstractmethod
    def _exit(self, message: Ended) -> None:
        """Send the last message, and end."""

    def _waiting(self) -> int:
        """Return how many messages wait that are neither in the actor's mailbox nor in the node."""
        return 0

    def _shut_down(self, child: Child) -> None:
        """Ask the actor to end after its current piece of work."""
        child.shutdown(SHUTDOWN)

    def obey(self, message: Any) -> None:
        """Handle a control message, in one thread at a time."""
        match message:
            case Ping():
                if self._heartbeat is not None:
                    self._heartbeat.answer()
            case Probe(number, deep):
                if self._child is not None and self._heartbeat is not None:
                    held = self._waiting() + self._heartbeat.waiting
                    self._tell(ProbeAnswer(number, probed(self._child.ref, held, deep=deep)))
            case Connect(peer, number):
                channel = self._open_channel(message)
                self._channels[peer] = channel  # what is sent from now on goes there
                self._relayed.discard(peer)
                self._tell(Connected(peer, number))
            case Relay(peer, number):
                self._relayed.add(peer)
                self._channels.pop(peer, None)
                self._tell(Connected(peer, number))
            case Assign():
                self._assigned(message)
            case Inject(layer, fault):
                if self._surroundings is not None:
                    self._surroundings.faults.inject(layer, fault)
            case Stop():
                if self._child is not None:
                    self._shut_down(self._child)
                else:
                    self._exit(Ended())

    def _host(
        self,
        assignment: Assign,
        log: CommitLog,
        heartbeat: Heartbeat,
        recorder: Instrument,
        actor: type[PeerActor] = PeerActor,
        *more: object,
    ) -> Child | None:
        """Start the actor of a peer; return None where that fails, and this worker ends.

        Args:
            assignment: of the peer.
            log: where it commits.
            heartbeat: of the incarnation.
            recorder: of its trace.
            actor: what hosts it.
            more: what that is given, beside the peer and its surroundings.
        """
        self._pin_blas(assignment.blas_threads)
        self._heartbeat = heartbeat
        self._surroundings = WorkerSurroundings(
            assignment, self._tell, self._channels, self._relayed, log, heartbeat, recorder
        )
        id = str(assignment.spec.address)
        spec = ChildSpec.of(actor, assignment.spec, self._surroundings, *more, id=id)
        try:
            started = spec.start(StartContext(id=id, incarnation=assignment.incarnation))
        except BaseException as error:  # noqa: BLE001 - the supervisor judges every failure
            self._fail(error)
            return None
        assert isinstance(started, Child)
        self._child = started
        started.watch(self._on_end)
        return started

    def _pin_blas(self, threads: int = 1) -> None:
        self._blas.close()
        self._blas.enter_context(blas_threads(threads))

    def _fail(self, error: BaseException) -> None:
        self._exit(ended_by(error))

    def _on_end(self, reason: Reason) -> None:
        self._exit(Ended() if reason.is_orderly else ended_by(reason.exception or RuntimeError(str(reason))))
