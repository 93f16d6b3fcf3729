"""The threads runtime without supervisors, commits and events: what those cost is the difference."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from annex_actors.protocol.events import Event, Finished
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.messages import Address, Envelope, Message
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Job, PeerSpec, Program, RunFailedError
from annex_actors.runtimes.blas import blas_threads
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.node_host import Surroundings
from annex_actors.runtimes.threads import PeerActor
from supervisors import Ref, Registry, StartContext
from supervisors.lifecycle.launch import create, launch


class BareSurroundings:
    """Carries messages, calls the observers in the actors' own threads, and drops every commit."""

    def __init__(self, program: Program, registry: Registry) -> None:
        self.over = threading.Event()
        self._observers = program.observers
        self._registry = registry

    def instrument(self, address: Address, number: int) -> Instrument:
        """Return nothing that watches."""
        return NO_INSTRUMENT

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Return 1 for every incarnation, and no commit."""
        return 1, None

    def heartbeat(self, address: Address) -> Heartbeat:
        """Return a heartbeat that nothing watches."""
        return Heartbeat()

    def record_start(self, address: Address, incarnation: int, time: float) -> None:
        """Do nothing."""

    def send(self, to: Address, envelope: Envelope) -> None:
        """Send an envelope to a peer."""
        receiver = self._registry.whereis(to)
        if receiver is not None:
            receiver.tell(envelope)

    def is_due(self, step: int) -> bool:
        """Return True, so that acknowledgements are sent as elsewhere, though the commit is dropped."""
        return True

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Drop the commit, and with it the old weights."""

    def emit(self, event: Event) -> None:
        """Call the observers at once."""
        for observer in self._observers:
            observer.on_event(event)
        if isinstance(event, Finished):
            self.over.set()


class BareJob:
    """Actors that nothing watches."""

    restarts = 0
    seconds = 0.0

    def __init__(self, program: Program) -> None:
        self._registry = Registry()
        self._surroundings = BareSurroundings(program, self._registry)
        self._blas = ExitStack()
        self._blas.enter_context(blas_threads())
        self._actors = [self._start(spec, self._surroundings) for spec in program.peers]

    def _start(self, spec: PeerSpec, surroundings: Surroundings) -> Ref[PeerActor]:
        context = StartContext(id=str(spec.address), name=spec.address, registry=self._registry)
        return launch(create(PeerActor, context, (spec, surroundings), {}))

    def wait(self) -> None:
        """Return when the driver has finished."""
        self._surroundings.over.wait()

    def halt(self) -> None:
        """Do nothing: a benchmark runs to its end."""

    def ask(self, question: Message) -> Message:
        """Refuse: a benchmark only trains here."""
        raise NotImplementedError

    def fail(self, error: RunFailedError) -> None:
        """Refuse: nothing fails here that a benchmark could go on without."""
        raise error

    def emit(self, event: Event) -> None:
        """Show the observers an event."""
        self._surroundings.emit(event)

    def close(self) -> None:
        """Stop the actors."""
        for actor in self._actors:
            actor.stop()
        self._blas.close()


class BareRuntime:
    """Starts a `BareJob`."""

    name = "bare"

    def start(self, program: Program) -> Job:
        """Start every actor."""
        return BareJob(program)
