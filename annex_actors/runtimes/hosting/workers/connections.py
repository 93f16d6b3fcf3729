"""The connections between the workers of a run: which incarnation of a neighbour each of them sends to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock

from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import Routing
from annex_actors.runtimes.hosting.workers.control_messages import Relay
from annex_actors.runtimes.hosting.workers.worker_child import WorkerRef


@dataclass(eq=False, slots=True)
class _Incarnation:
    """An incarnation of a peer, while its neighbours are being connected to it.

    Args:
        number: of the incarnation, as the store counts.
        ref: the peer, if it lives in a worker; None: it lives in this process.
        unconnected: the neighbours that do not yet send to this incarnation.
        held: what is to be done after that: deliveries of what it sent through the supervising process in the meantime.
    """

    number: int
    ref: WorkerRef | None = None
    unconnected: set[Address] = field(default_factory=set)
    held: list[Callable[[], None]] = field(default_factory=list)


class Connections:
    """The connections between the workers that are up, and what they send to peers in this process.

    Args:
        join: sends `Connect` to two workers, each with its way to the other.
    """

    def __init__(self, join: Callable[[WorkerRef, WorkerRef], None]) -> None:
        self._join = join
        self._up: dict[Address, _Incarnation] = {}
        self._lock = RLock()

    def connect(self, ref: WorkerRef, routing: Routing) -> None:
        """Connect a new worker with each neighbour that is up."""
        with self._lock:
            new = self._up[ref.address] = _Incarnation(ref.number, ref)
            for address in sorted(routing.neighbours(ref.address) & self._up.keys()):
                neighbour = self._up[address]
                if neighbour.ref is None:
                    ref.worker.send(Relay(address, neighbour.number))
                    continue
                self._join(ref, neighbour.ref)
                new.unconnected.add(address)
            if ref.worker.gone:  # it ended before it was added, so `remove` did not find it
                self.remove(ref)

    def connect_here(self, address: Address, number: int, routing: Routing, on_connected: Callable[[], None]) -> None:
        """Have each neighbour in a worker send to an incarnation in this process.

        Args:
            address: of the peer.
            number: of its incarnation, as the store counts.
            routing: of the run.
            on_connected: called once they all do, in any thread.
        """
        with self._lock:
            new = self._up[address] = _Incarnation(number, held=[on_connected])
            for neighbour in sorted(routing.neighbours(address) & self._up.keys()):
                ref = self._up[neighbour].ref
                if ref is not None:
                    ref.worker.send(Relay(address, number))
                    new.unconnected.add(neighbour)
            _deliver_held(new)

    def remove(self, ref: WorkerRef) -> None:
        """Connect nothing to a worker that has ended; its next incarnation sends to the newest ones from the first."""
        with self._lock:
            if self._find(ref) is not None:
                del self._up[ref.address]
                for other in list(self._up.values()):
                    other.unconnected.discard(ref.address)
                    _deliver_held(other)

    def relay(self, ref: WorkerRef, deliver: Callable[[], None]) -> None:
        """Deliver what a worker sends through this process, in order; hold it back until all neighbours are connected.

        Else the trainer would learn of the new incarnation and send lost predictions again, and a neighbour would send
        them on to the old one. The watchdog finds a neighbour that does not answer, and its next incarnation answers.
        """
        with self._lock:
            found = self._find(ref)
            if found is not None and found.unconnected:
                found.held.append(deliver)
            else:
                deliver()

    def record_connected(self, neighbour: Address, peer: Address, number: int) -> None:
        """Record that a neighbour is connected to an incarnation; after the last neighbour, deliver what was held."""
        with self._lock:
            found = self._up.get(peer)
            if found is not None and found.number == number:
                found.unconnected.discard(neighbour)
                _deliver_held(found)

    def _find(self, ref: WorkerRef) -> _Incarnation | None:
        found = self._up.get(ref.address)
        return found if found is not None and found.ref is ref else None


def _deliver_held(found: _Incarnation) -> None:
    """Do what waits for the neighbours of an incarnation, unless one of them is still unconnected."""
    if not found.unconnected:
        held, found.held = found.held, []
        for deliver in held:
            deliver()
