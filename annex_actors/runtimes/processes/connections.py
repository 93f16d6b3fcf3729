"""Which processes of a run talk to each other, and from when on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock

from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import Routing
from annex_actors.runtimes.processes.control_messages import Connect
from annex_actors.runtimes.processes.process_child import ProcessRef
from annex_actors.runtimes.processes.worker_process import WithFiles


@dataclass(eq=False, slots=True)
class _Life:
    """A life of a peer, as its neighbours get to know it.

    Args:
        ref: the peer.
        unconnected: the neighbours that do not yet send to this life.
        held: what it sent through the supervising process in the meantime.
    """

    ref: ProcessRef
    unconnected: set[Address] = field(default_factory=set)
    held: list[Callable[[], None]] = field(default_factory=list)


class Connections:
    """The connections between the processes that are up."""

    def __init__(self) -> None:
        self._up: dict[Address, _Life] = {}
        self._lock = RLock()

    def connect(self, ref: ProcessRef, routing: Routing) -> None:
        """Give a new process, and each of its neighbours that is up, the two ends of a new connection."""
        with self._lock:
            life = self._up[ref.address] = _Life(ref)
            for address in sorted(routing.neighbours(ref.address) & self._up.keys()):
                neighbour = self._up[address].ref
                here, there = socket.socketpair()
                ref.process.send(WithFiles(Connect(address, neighbour.incarnation), [here.detach()]))
                neighbour.process.send(WithFiles(Connect(ref.address, ref.incarnation), [there.detach()]))
                life.unconnected.add(address)
            if ref.process.gone:  # and was forgotten before it was known
                self.forget(ref)

    def forget(self, ref: ProcessRef) -> None:
        """Connect no process with one that has ended. A neighbour that waited for it waits for its next life."""
        with self._lock:
            if self._life(ref) is not None:
                del self._up[ref.address]

    def relay(self, ref: ProcessRef, deliver: Callable[[], None]) -> None:
        """Deliver what a process sends through this one, in order, but nothing before its neighbours are connected.

        A peer that hears of a new life sends again what the life before has lost, by way of neighbours that would still
        send it to that life. A neighbour that does not answer is found by the watchdog, and its next life answers.
        """
        with self._lock:
            life = self._life(ref)
            if life is not None and life.unconnected:
                life.held.append(deliver)
            else:
                deliver()

    def note_connected(self, neighbour: Address, peer: Address, incarnation: int) -> None:
        """Note that a neighbour has its end of the connection with a life; after the last one deliver what was held."""
        with self._lock:
            life = self._up.get(peer)
            if life is None or life.ref.incarnation != incarnation:
                return
            life.unconnected.discard(neighbour)
            if not life.unconnected:
                held, life.held = life.held, []
                for deliver in held:
                    deliver()

    def _life(self, ref: ProcessRef) -> _Life | None:
        life = self._up.get(ref.address)
        return life if life is not None and life.ref is ref else None
