"""What a runtime is given and what it returns: behind this seam threads, processes and clusters look the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from annex_actors.base import checks
from annex_actors.base.errors import AnnexError
from annex_actors.base.shown import brief
from annex_actors.placement.places import Places
from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, combined
from annex_actors.protocol.messages import Address, Message
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import Routing
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.runtimes.faults.injected import InjectedFaults
from annex_actors.runtimes.faults.planned import CrashPlan
from annex_actors.runtimes.handed_over import HandingOver
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.runtimes.tracing.tracing import JobTrace
from annex_actors.stores import StateStore
from supervisors import Strategy


class RunFailedError(AnnexError):
    """The run cannot go on; the message names the peer, and the cause holds its traceback."""


class StandstillError(RunFailedError):
    """Nothing can ever happen again in the run, and it is not over; the message says which peers wait for what."""


class PeerSpec(Protocol):
    """A stage or trainer as plain data."""

    @property
    def address(self) -> Address:
        """Its name among the peers."""

    @property
    def label(self) -> str:
        """One line for people."""

    @property
    def routing(self) -> Routing:
        """The chain of stages that it is part of."""

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the peer at its last commit.

        Args:
            snapshot: its last commit; None: it has not committed anything.
            incarnation: the number of this incarnation, from 1, as the store counts.
            instrument: watches its work.
            is_due: says after which steps to commit.
        """


@runtime_checkable
class Observer(Protocol):
    """Sees events. An exception of it is logged and ends the observer, and affects nothing else."""

    def on_event(self, event: Event) -> None:
        """Observe an event; called from one thread at a time, in order, perhaps twice with the same event."""


@dataclass(frozen=True, slots=True)
class Supervision:
    """How failures are handled.

    Args:
        strategy: which layers are restarted when one ends; or its name, such as ``one_for_all``.
        max_restarts: the restarts allowed within ``max_seconds``, >= 0; one more ends the run. The default is wide on
            purpose: a storm of unrelated kills must not end a run that makes progress. So many processes in a row may
            also be killed before they have work.
        max_seconds: the length of that window, > 0.
        max_attempts: how many failures of a layer at the same message end the run, >= 1.
        hang_seconds: how long a layer may take, > 0. It hangs if one piece of work takes longer than this and longer
            than twenty times its longest recent one, or if its process does not answer for this long. It is killed, or
            abandoned where that is not possible, and restarted.

    Raises:
        ConfigError: an unknown strategy, or a number out of range.
    """

    strategy: Strategy | str = Strategy.ONE_FOR_ONE
    max_restarts: int = 100
    max_seconds: float = 5.0
    max_attempts: int = 3
    hang_seconds: float = 10.0

    __repr__ = brief

    def __post_init__(self) -> None:
        checks.keep(
            self,
            strategy=checks.member("strategy", self.strategy, Strategy),
            max_restarts=checks.whole_number("max_restarts", self.max_restarts, at_least=0),
            max_seconds=checks.real_number("max_seconds", self.max_seconds, above=0),
            max_attempts=checks.whole_number("max_attempts", self.max_attempts, at_least=1),
            hang_seconds=checks.real_number("hang_seconds", self.hang_seconds, above=0),
        )


@dataclass(frozen=True, slots=True)
class Program:
    """A run, ready for any runtime.

    Args:
        run: its name, which every message carries.
        stages: the stages, in order.
        driver: the peer that feeds them and says when the run is over.
        store: where their commits are kept; it may already hold some.
        supervision: how failures are handled.
        crashes: the planned crashes; None: none.
        observers: see the events.
        load: the user's Python files. They have been run in the process that starts the program; any other process that
            hosts a peer runs them first, for what they register and define.
        instruments: watch the work of every peer in this process, but not of peers in other processes.
        faults: injects faults into layers of this process while the run goes on; None: faults cannot be injected.
        reader: the peer that reads inputs which stay in files, for the driver; None: all are in memory.
        handing_over: keeps what stages hand over, from wherever they live; None: they hand over nothing.
        trace: records what every peer receives, does and sends, in any process; None: the run is not traced.
        slowed: the layers that wait after their work, in any process; None: none does.
        delayed: how much later messages between stages arrive; None: as soon as they can.
        blas_threads: on how many threads the BLAS library computes each product, in every process of the run.
        own_threads: likewise in the processes of stages that have another number, which no other host can give them.
        workers: the kind of worker on which a peer begins, where the runtime has several; others begin on its first.
        places: what each stage needs of the node that it lives on; only runtimes on several nodes look at it.
    """

    run: str
    stages: tuple[PeerSpec, ...]
    driver: PeerSpec
    store: StateStore
    supervision: Supervision = field(default_factory=Supervision)
    crashes: CrashPlan | None = None
    observers: tuple[Observer, ...] = ()
    load: tuple[str, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    faults: InjectedFaults | None = None
    reader: PeerSpec | None = None
    handing_over: HandingOver | None = None
    trace: JobTrace | None = None
    slowed: SlowedLayers | None = None
    delayed: DelayedLinks | None = None
    blas_threads: int = 1
    own_threads: Mapping[Address, int] = field(default_factory=dict)
    workers: Mapping[Address, WorkerKind] = field(default_factory=dict)
    places: Places = field(default_factory=Places)

    def __repr__(self) -> str:
        return f"Program({self.run!r}: {', '.join(spec.label for spec in self.peers)})"

    def instrument(self, address: Address, number: int, clock: Callable[[], float]) -> Instrument:
        """Return all that watches or disturbs a new incarnation of a peer in this process, as one instrument.

        Args:
            address: of the peer.
            number: of the incarnation, as the store counts.
            clock: the time of the trace, in seconds.
        """
        trace = NO_INSTRUMENT if self.trace is None else self.trace.recorder(address, number, clock)
        kept = self.handing_over.instrument if self.handing_over else NO_INSTRUMENT
        disturbing = self.faults or NO_INSTRUMENT, self.crashes or NO_INSTRUMENT
        waiting = NO_INSTRUMENT if self.slowed is None else self.slowed.instrument(clock)
        # A wait comes first: it is a part of the layer's work to all that watches.
        return combined(waiting, trace, *self.instruments, *disturbing, kept)

    @property
    def peers(self) -> tuple[PeerSpec, ...]:
        """All peers, in the order in which they start."""
        return (*self.served, self.driver)

    @property
    def served(self) -> tuple[PeerSpec, ...]:
        """The peers that work for the driver: the stages, and the reader if there is one."""
        return self.stages if self.reader is None else (*self.stages, self.reader)

    @property
    def on_threads(self) -> frozenset[Address]:
        """The peers that begin on threads of the supervising process, where others have processes."""
        return frozenset(address for address, worker in self.workers.items() if worker is WorkerKind.THREAD)


class Job(Protocol):
    """A program that a runtime carries out."""

    def wait(self) -> None:
        """Wait until the driver has finished. Ctrl-C interrupts the wait; the job can be waited for again.

        Raises:
            RunFailedError: a failure that no restart can heal, or too many of them.
            StandstillError: nothing can happen any more, though the driver waits for something.
            UserError: the user's input is wrong, for instance the cost became infinite.
        """

    def halt(self) -> None:
        """Ask the driver to feed no further step, and to finish those that were fed."""

    def ask(self, question: Message) -> Message:
        """Give the driver a message, and return its answer; may be called from several threads at once.

        A driver that is restarted is asked again, so whatever dies, there is an answer; only a predictor answers.

        Args:
            question: such as `Ask`; no other question that is open has its ``microbatch``, the number of the answer.

        Raises:
            RunFailedError: as in `wait`; or the run is over, since it was halted or closed.
            UserError: as in `wait`.
        """

    def fail(self, error: RunFailedError) -> None:
        """End the run with a failure that its owner has found; may be called from any thread, and never blocks.

        `wait` and `ask` raise it. The first failure counts; of a job that is closed it is ignored.
        """

    def close(self) -> None:
        """Stop every peer in reverse order; nothing is left running. Safe to call twice."""

    def emit(self, event: Event) -> None:
        """Show the observers an event of the job's owner, which happens now; may be called from any thread."""

    @property
    def restarts(self) -> int:
        """How often any peer was restarted."""

    @property
    def seconds(self) -> float:
        """From the start of the first peer until the run finished, failed or was closed; until now if it goes on.

        On the clock of its events, and so without the time in which observers or the owner hear of the end.
        """


@runtime_checkable
class Runtime(Protocol):
    """A way to host peers."""

    @property
    def name(self) -> str:
        """Its name, as users write it."""

    def start(self, program: Program) -> Job:
        """Start every peer and return; the driver starts last."""


def places_peers(runtime: Runtime) -> bool:
    """Return whether a runtime has several nodes, and so keeps to `Program.places`: if its ``places_peers`` is true."""
    return bool(getattr(runtime, "places_peers", False))
