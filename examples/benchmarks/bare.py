"""The threads runtime without supervisors, commits and events: what those cost is the difference."""

from __future__ import annotations

import threading

from annex_actors.protocol.events import Event, Finished
from annex_actors.protocol.messages import Address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Job, PeerSpec, Program
from annex_actors.runtimes.blas import one_blas_thread
from annex_actors.runtimes.threads import PeerActor
from annex_actors.stores import MemoryStore
from supervisors import Ref, Registry, StartContext
from supervisors.lifecycle.launch import create, launch


class NoStore(MemoryStore):
    """Forgets every commit, and with it the old weights."""

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Do nothing."""


class BareJob:
    """Actors that nobody watches; observers are called in the actors' own threads."""

    def __init__(self, program: Program) -> None:
        self.program = Program(program.run, program.stages, program.driver, NoStore())
        self.registry = Registry()
        self.restarts = 0
        self.failed = False
        self._observers = program.observers
        self._over = threading.Event()
        self._blas = one_blas_thread()
        self._blas.__enter__()
        self._actors = [self._start(spec) for spec in program.peers]

    def _start(self, spec: PeerSpec) -> Ref[PeerActor]:
        context = StartContext(id=str(spec.address), name=spec.address, registry=self.registry)
        return launch(create(PeerActor, context, (spec, self), {}))

    def note_start(self, address: Address, incarnation: int) -> None:
        """Take no notice."""

    def emit(self, event: Event) -> None:
        """Call the observers at once."""
        for observer in self._observers:
            observer.on_event(event)
        if isinstance(event, Finished):
            self._over.set()

    def wait(self) -> None:
        """Return when the driver has finished."""
        self._over.wait()

    def halt(self) -> None:
        """Do nothing: a benchmark runs to its end."""

    def close(self) -> None:
        """Stop the actors."""
        for actor in self._actors:
            actor.stop()
        self._blas.__exit__(None, None, None)


class BareRuntime:
    """Starts a `BareJob`."""

    name = "bare"

    def start(self, program: Program) -> Job:
        """Start every actor."""
        return BareJob(program)
