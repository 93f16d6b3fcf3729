"""What a run provides for the peers in the process of their supervisors."""

from __future__ import annotations

from collections.abc import Callable

from annex_actors.protocol.events import Event, Finished, PeerStarted
from annex_actors.protocol.instrument import Instrument
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import clock
from annex_actors.runtimes.delayed_links import DelayLine
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.observers import Observers
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.watchdog import Watchdog
from annex_actors.runtimes.program import Program
from supervisors import ChildExited, Ignore, Registry
from supervisors import Event as TreeEvent


class RunSurroundings:
    """The surroundings of the peers of a run; satisfies `Surroundings`.

    The job and the tree know it; it knows neither.

    Args:
        program: the run.
        registry: where hosts register their peers.
        observers: of the run.
        outcome: of the run.
        watchdog: watches the peers.
        on_open: called before each new incarnation of a peer.
    """

    def __init__(
        self,
        program: Program,
        registry: Registry,
        observers: Observers,
        outcome: Outcome,
        watchdog: Watchdog,
        on_open: Callable[[], None],
    ) -> None:
        self.registry = registry
        self._instrument_of = program.instrument
        self._store = program.store
        self._labels = {spec.address: spec.label for spec in program.peers}
        self._addresses = {str(address): address for address in self._labels}
        self._observers = observers
        self._outcome = outcome
        self._watchdog = watchdog
        self._on_open = on_open
        self._heartbeats: dict[Address, list[Heartbeat]] = {address: [] for address in self._labels}
        # The threads of two supervisors add to it: an append is atomic, an increment is not.
        self._starts: list[Address] = []
        self.line: DelayLine | None = None
        """Delays messages, while it is entered; None: the program asks for no delay, which then costs nothing."""
        if program.delayed is not None:
            self.line = DelayLine(program.delayed, self.send)
            self.send = self.line.send  # type: ignore[method-assign]

    @property
    def restarts(self) -> int:
        """How often any peer was restarted."""
        return len(self._starts) - len(self._labels)

    @property
    def is_over(self) -> bool:
        """Whether the run has finished, failed or been closed."""
        return self._outcome.over

    def has_failed(self) -> bool:
        """Return whether the run has failed, so that no restart helps any more."""
        return self._outcome.failed

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Begin a new incarnation of a peer: return the store's number for it, and the last commit.

        Raises:
            Ignore: the run has failed, or its owner has closed it.
        """
        if self._outcome.failed or self._outcome.closed:
            raise Ignore
        self._on_open()
        return self._store.open(address)

    def instrument(self, address: Address, number: int) -> Instrument:
        """Return what watches a new incarnation of a peer on a thread."""
        return self._instrument_of(address, number, clock.now)

    def pause(self, seconds: float) -> None:
        """Wait before another try to start a peer, but not when the run has ended."""
        self._outcome.pause(seconds)

    def heartbeat(self, address: Address) -> Heartbeat:
        """Return the heartbeat of a new incarnation on a thread, and watch it."""
        heartbeat = Heartbeat()
        self.watch(address, heartbeat)
        return heartbeat

    def watch(self, address: Address, heartbeat: Heartbeat, ping: Callable[[], None] | None = None) -> None:
        """Watch a new incarnation of a peer; see `Watchdog.watch`."""
        self._heartbeats[address].append(heartbeat)
        self._watchdog.watch(address, heartbeat, ping)

    def heartbeats(self, address: Address) -> tuple[Heartbeat, ...]:
        """Return the heartbeats of all incarnations of a peer, the first one first."""
        return tuple(self._heartbeats[address])

    def record_start(self, address: Address, incarnation: int, time: float, node: str = "") -> None:
        """Record that a peer is up. It reports this itself: its supervisor's event may come after the run has ended."""
        self._starts.append(address)
        self.emit(PeerStarted(address, self._labels[address], incarnation, node, time=time))

    def send(self, to: Address, envelope: Envelope) -> None:
        """Send an envelope to a peer; a peer that is being restarted asks for it afterwards."""
        receiver = self.registry.whereis(to)
        if receiver is not None:
            receiver.tell(envelope)

    def is_due(self, step: int) -> bool:
        """Return True: commit every step, since a commit is the swap of a reference."""
        return True

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Make a snapshot the last commit of its address."""
        self._store.commit(snapshot, number)

    def emit(self, event: Event) -> None:
        """Show an event, which has its time, to every observer; the driver's last one ends the owner's wait."""
        self._observers.show(event)
        if isinstance(event, Finished):
            self._outcome.finish()

    def on_tree_event(self, event: TreeEvent) -> None:
        """Stop watching a peer that has ended; a hook of the tree."""
        if isinstance(event, ChildExited):
            address = self._addresses.get(event.id)
            if address is not None:
                self._watchdog.unwatch(address)
