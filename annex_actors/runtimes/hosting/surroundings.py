"""What a run gives the peers that live in the process of their supervisors."""

from __future__ import annotations

from collections.abc import Callable

from annex_actors.protocol.events import Event, Finished, PeerStarted
from annex_actors.protocol.instrument import Instrument
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.observers import Observers
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.watchdog import Watchdog
from annex_actors.runtimes.program import Program
from supervisors import ChildExited, Ignore, Registry
from supervisors import Event as TreeEvent


class RunSurroundings:
    """The surroundings of the peers of a run; satisfies `Surroundings`.

    It knows nothing of the job and of the tree, which know it.

    Args:
        program: the run.
        registry: where hosts register their peers.
        observers: of the run.
        outcome: how the run ends.
        watchdog: watches the peers.
    """

    def __init__(
        self, program: Program, registry: Registry, observers: Observers, outcome: Outcome, watchdog: Watchdog
    ) -> None:
        self.registry = registry
        self.instrument: Instrument = program.instrument
        self._store = program.store
        self._labels = {spec.address: spec.label for spec in program.peers}
        self._addresses = {str(address): address for address in self._labels}
        self._observers = observers
        self._outcome = outcome
        self._watchdog = watchdog
        self._heartbeats: dict[Address, list[Heartbeat]] = {address: [] for address in self._labels}
        # Two supervisors' threads add to it: an append is one instruction, an addition to a number is not.
        self._starts: list[Address] = []

    @property
    def restarts(self) -> int:
        """How often any peer was started again."""
        return len(self._starts) - len(self._labels)

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Begin a new life of a peer.

        Raises:
            Ignore: the run has failed.
        """
        if self._outcome.failed:
            raise Ignore
        return self._store.open(address)

    def beacon(self, address: Address) -> Heartbeat:
        """Return the heartbeat of a new life of a peer on a thread."""
        heartbeat = Heartbeat()
        self.watch(address, heartbeat)
        return heartbeat

    def watch(self, address: Address, heartbeat: Heartbeat, ping: Callable[[], None] | None = None) -> None:
        """Watch over a new life of a peer; see `Watchdog.watch`."""
        self._heartbeats[address].append(heartbeat)
        self._watchdog.watch(address, heartbeat, ping)

    def heartbeats(self, address: Address) -> tuple[Heartbeat, ...]:
        """Return the heartbeats of all lives of a peer, the first one first."""
        return tuple(self._heartbeats[address])

    def note_start(self, address: Address, incarnation: int) -> None:
        """Note that a peer is up, before it does anything: its supervisor may notice after all is over."""
        self._starts.append(address)
        self.emit(PeerStarted(address, self._labels[address], incarnation))

    def send(self, to: Address, envelope: Envelope) -> None:
        """Tell a peer; one that is being restarted asks for it afterwards."""
        receiver = self.registry.whereis(to)
        if receiver is not None:
            receiver.tell(envelope)

    def is_due(self, step: int) -> bool:
        """Return that every step is to be committed: it is the swap of a reference."""
        return True

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Make a snapshot the last commit of its address."""
        self._store.commit(snapshot, incarnation)

    def emit(self, event: Event) -> None:
        """Show an event to every observer; the driver's last one ends the wait."""
        self._observers.show(event)
        if isinstance(event, Finished):
            self._outcome.finish()

    def on_tree_event(self, event: TreeEvent) -> None:
        """Watch no more over a peer that has ended; a hook of the tree."""
        if isinstance(event, ChildExited):
            address = self._addresses.get(event.id)
            if address is not None:
                self._watchdog.forget(address)
