"""The supervision tree of a run: every child specification, and why it is as it is.

```
run (rest_for_one)
├── observers (one_for_one)
│   └── observer-0 …   progress, logs: temporary
├── layers (one_for_one unless told otherwise)
│   ├── stage-0   layer 0 dense:512
│   ├── stage-1   layer 1 relu
│   └── stage-n   cost
└── trainer
```

- **run** is rest_for_one: whoever stands to the right may rely on what stands to the left. It restarts the trainer,
  which is a peer like the layers, and never the layers' supervisor: when that gives up, the run has failed.
- **observers** come first, so that they see every start and every stop, and no restart of the trainer stops them. They
  and their supervisor are temporary: one that raises or is killed is gone, and nothing else notices.
- **layers** come up before the trainer feeds them, and are stopped after it.
- The **store** and the **registry** are tables without code that could fail, and outlive every actor of the run.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.events import Event, Finished, PeerAbandoned, PeerExited, PeerHung, PeerStarted
from annex_actors.protocol.instrument import Instrument
from annex_actors.protocol.messages import OWNER, WHOLE_STEP, Address, Envelope, Halt
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.blas import one_blas_thread
from annex_actors.runtimes.hosting.failures import FailureLedger, PeerError, chained, one_line, too_many_restarts
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.watchdog import Hang, Watchdog
from annex_actors.runtimes.program import Observer, PeerSpec, Program, RunFailedError
from supervisors import (
    Actor,
    ActorDead,
    ChildAbandoned,
    ChildExited,
    ChildReady,
    ChildSpec,
    ChildStartFailed,
    Escalated,
    Ignore,
    Ref,
    Registry,
    Restart,
    StartError,
    Strategy,
    Supervisor,
    SupervisorRef,
    ThreadChild,
    kill,
)
from supervisors import Event as TreeEvent

LAYERS, OBSERVERS = "layers", "observers"

ORPHANS_S = 5.0
"""Seconds that actors whose supervisor was killed may take to stop; then they are abandoned: no wait is for ever."""

LOOK_UP_S = 0.2
"""Seconds after which a wait looks up. A Ctrl-C that comes in the instant before a lock begins to wait does not
interrupt it: the main thread would hear of it when the run is over."""

IN_WORKER = "ANNEX_ACTORS_WORKER"
"""Set in the environment of a process while it starts to be a layer's, and imports the program for that: no training
may begin there once more, on whatever host."""

HostSpec = Callable[[PeerSpec, "SupervisedJob"], ChildSpec]
"""Makes the specification of a peer's child: an actor on a thread, in a process, on another machine."""


class ObserverActor(Actor):
    """Hosts one observer; what the observer raises ends this actor only."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._observer = observer

    def on_receive(self, message: Any) -> None:
        """Show the observer an event."""
        self._observer.on_event(message)

    def on_stop(self) -> None:
        """Show the observer what it was told before the stop, which has overtaken it."""
        for envelope in self.cell.mailbox.take_all():
            self.on_receive(envelope.message)


class SupervisedJob:
    """A program whose peers live under a tree of supervisors.

    Args:
        program: what to run.
        host: how a peer becomes a child.
        needed: what the hosts need; closed after the last peer has ended.

    Raises:
        ConfigError: the program is being imported by a process of one of its own layers.
        RunFailedError: the tree does not come up.
    """

    def __init__(self, program: Program, host: HostSpec, needed: AbstractContextManager[Any] | None = None) -> None:
        if os.environ.get(IN_WORKER):
            raise ConfigError(
                "expected a program that starts its training under `if __name__ == '__main__':`, since every process "
                "of a layer imports it; put it there"
            )
        self.program = program
        self.registry = Registry()
        self._labels = {spec.address: spec.label for spec in program.peers}
        self._addresses = {str(address): address for address in self._labels}
        self._ledger = FailureLedger(program.supervision.max_attempts)
        self._over = threading.Event()
        self._error: Exception | None = None
        self._halting = False
        self._closing = False
        # Two supervisors' threads add to it: an append is one instruction, an addition to a number is not.
        self._lives: list[Address] = []
        self._refs: dict[str, Ref[Any]] = {}
        self._observers = [f"observer-{index}" for index in range(len(program.observers))]
        self._beacons: dict[Address, list[Heartbeat]] = {address: [] for address in self._labels}
        self._hangs: dict[Address, PeerError] = {}
        self._vigil = Watchdog(program.supervision.hang_seconds, self._on_hang)
        self._resources = ExitStack()
        try:
            self._resources.enter_context(needed or nullcontext())
            self._resources.enter_context(one_blas_thread())
            self._vigil.start()
            self._resources.callback(self._vigil.close)
            self._run = self._start(host)
        except StartError as error:
            self._resources.close()
            raise self._error or RunFailedError(f"the run did not start: {one_line(error)}") from error
        except BaseException:
            self._resources.close()
            raise
        ThreadChild(self._run).watch(lambda reason: self._fail(RunFailedError(f"the run's supervisor ended: {reason}")))

    @property
    def restarts(self) -> int:
        """How often any peer was started anew."""
        return len(self._lives) - len(self._labels)

    @property
    def failed(self) -> bool:
        """Whether no restart helps any more."""
        return self._error is not None

    def wait(self) -> None:
        """Return when the driver has finished; Ctrl-C gets through.

        Raises:
            RunFailedError: see `Job.wait`.
            UserError: see `Job.wait`.
        """
        while not self._over.wait(LOOK_UP_S):
            pass
        if self._error is not None:
            raise self._error

    def halt(self) -> None:
        """Ask the driver to feed no more, and to finish with what it fed."""
        self._halting = True
        self._tell_driver_to_halt()

    def close(self) -> None:
        """Stop the tree from right to left: the observers last, so that they see all the rest stop."""
        if self._closing:
            return
        self._closing = True
        self._run.stop()
        for ref in self._refs.values():  # their supervisors have waited for them, unless one was killed
            if ref.wait(ORPHANS_S) is None:
                ThreadChild(ref).abandon()
        self._resources.close()

    # What a peer needs of its surroundings

    @property
    def instrument(self) -> Instrument:
        """What sees the work of every peer in this process."""
        return self.program.instrument

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Begin a new life of a peer.

        Raises:
            Ignore: the run has failed.
        """
        if self._error is not None:
            raise Ignore
        return self.program.store.open(address)

    def beacon(self, address: Address) -> Heartbeat:
        """Return the beacon of a new life of a peer on a thread."""
        beacon = Heartbeat()
        self.watch(address, beacon)
        return beacon

    def watch(self, address: Address, beacon: Heartbeat, ping: Callable[[], None] | None = None) -> None:
        """Watch over a new life of a peer; see `Watchdog.watch`."""
        self._beacons[address].append(beacon)
        self._vigil.watch(address, beacon, ping)

    def beacons(self, address: Address) -> tuple[Heartbeat, ...]:
        """Return the beacons of all lives of a peer, the first one first."""
        return tuple(self._beacons[address])

    def send(self, to: Address, envelope: Envelope) -> None:
        """Tell a peer; whoever is being restarted asks for it afterwards."""
        receiver = self.registry.whereis(to)
        if receiver is not None:
            receiver.tell(envelope)

    def is_due(self, step: int) -> bool:
        """Return that every step is to be committed: it is the swap of a reference."""
        return True

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Make a snapshot the last commit of its address."""
        self.program.store.commit(snapshot, incarnation)

    def note_start(self, address: Address, incarnation: int) -> None:
        """Hear from a peer that it is up, before it does anything: its supervisor may hear of it after all is over."""
        self._lives.append(address)
        self.emit(PeerStarted(address, self._labels[address], incarnation))

    def emit(self, event: Event) -> None:
        """Show an event to every observer; the driver's last one ends the wait."""
        for name in self._observers:
            observer = self.registry.whereis(name)
            if observer is not None:
                observer.tell(event)
        if isinstance(event, Finished):
            self._over.set()

    def _start(self, host: HostSpec) -> SupervisorRef:
        limits = self.program.supervision
        layers = ChildSpec.of(
            Supervisor,
            [host(spec, self) for spec in self.program.stages],
            strategy=limits.strategy,
            max_restarts=limits.max_restarts,
            max_seconds=limits.max_seconds,
            id=LAYERS,
            name=LAYERS,
            restart=Restart.TEMPORARY,
        )
        observers = ChildSpec.of(
            Supervisor,
            [
                ChildSpec.of(ObserverActor, observer, id=name, name=name, restart=Restart.TEMPORARY)
                for name, observer in zip(self._observers, self.program.observers, strict=True)
            ],
            strategy=Strategy.ONE_FOR_ONE,
            id=OBSERVERS,
            name=OBSERVERS,
            restart=Restart.TEMPORARY,
        )
        return Supervisor.start(
            [observers, layers, host(self.program.driver, self)],
            strategy=Strategy.REST_FOR_ONE,
            max_restarts=limits.max_restarts,
            max_seconds=limits.max_seconds,
            name="run",
            hooks=[self._on_tree_event],
            registry=self.registry,
        )

    def _on_tree_event(self, event: TreeEvent) -> None:
        """Judge what happened to a peer before its supervisor acts on it, and tell the observers."""
        if isinstance(event, ChildReady):
            self._note_ref(event.id, event.spec.name)
        if event.id == LAYERS and isinstance(event, ChildExited) and not self._closing:
            self._fail(chained(RunFailedError(f"the layers' supervisor ended: {event.reason}"), event.reason.exception))
        address = self._addresses.get(event.id)
        if address is None:
            return
        label = self._labels[address]
        match event:
            case ChildReady():
                if self._halting and address == self.program.driver.address:
                    self._tell_driver_to_halt()
            case ChildExited(reason=reason):
                self._vigil.forget(address)
                error = self._hangs.pop(address, None) or reason.exception
                why = one_line(error) if error else str(reason)
                self.emit(PeerExited(address, label, event.incarnation, why, orderly=reason.is_orderly))
                self._fail(self._ledger.record(address, label, error))
            case ChildStartFailed(error=error):
                self.emit(PeerExited(address, label, event.incarnation, one_line(error)))
                self._fail(self._judge_start(address, label, event.incarnation, error))
            case ChildAbandoned():
                self.emit(PeerAbandoned(address, label, event.incarnation))
            case Escalated(reason=reason):
                limits = self.program.supervision
                limit = f"{limits.max_restarts} restarts in {limits.max_seconds:g} s"
                self._fail(too_many_restarts(label, limit, reason.exception))

    def _on_hang(self, address: Address, hang: Hang) -> None:
        """End a peer that hangs: kill its process; or ask, strike and at last abandon its thread."""
        ref = self.registry.whereis(address)
        if ref is None:
            return
        what = f"hung for {hang.limit_s:.3g} s" if hang.place else f"did not answer for {hang.limit_s:.3g} s"
        self._hangs[address] = PeerError(what, hang.place)
        self.emit(PeerHung(address, self._labels[address], ref.incarnation, hang.place or "no work", hang.limit_s))
        if isinstance(ref, Ref):
            kill(ThreadChild(ref))
        else:
            ref.kill()

    def _note_ref(self, id: str, name: Hashable) -> None:
        ref = self.registry.whereis(name)
        if ref is not None:
            self._refs[id] = ref

    def _judge_start(self, address: Address, label: str, incarnation: int, error: BaseException) -> Exception | None:
        if incarnation == 1:  # a tree that does not come up is not tried again
            return chained(RunFailedError(f"{label}: {one_line(error)}"), error)
        killed = isinstance(error, ActorDead)
        return self._ledger.record(address, label, None if killed else error)

    def _fail(self, error: Exception | None) -> None:
        """Note the first failure that no restart helps, and wake up who waits."""
        if error is not None and self._error is None and not self._closing:
            self._error = error
            self._over.set()

    def _tell_driver_to_halt(self) -> None:
        driver: Address = self.program.driver.address
        ref = self.registry.whereis(driver)
        if ref is not None:
            ref.tell(Envelope(OWNER, 1, 0, Halt(self.program.run, 0, WHOLE_STEP, WHOLE_STEP)))
