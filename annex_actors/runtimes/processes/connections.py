"""The connections between the processes of a run."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import RLock

from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import Routing
from annex_actors.runtimes.processes.control_messages import Connect
from annex_actors.runtimes.processes.process_child import ProcessRef
from annex_actors.runtimes.processes.slab import new_slab
from annex_actors.runtimes.processes.worker_process import WithFiles


@dataclass(eq=False, slots=True)
class _Incarnation:
    """An incarnation of a peer, while its neighbours are being connected to it.

    Args:
        ref: the peer.
        unconnected: the neighbours that do not yet send to this incarnation.
        held: deliveries of what it sent through the supervising process in the meantime.
    """

    ref: ProcessRef
    unconnected: set[Address] = field(default_factory=set)
    held: list[Callable[[], None]] = field(default_factory=list)


class Connections:
    """The connections between the processes that are up."""

    def __init__(self) -> None:
        self._up: dict[Address, _Incarnation] = {}
        self._lock = RLock()

    def connect(self, ref: ProcessRef, routing: Routing) -> None:
        """Send the two ends of a new connection to a new process and to each neighbour that is up."""
        with self._lock:
            new = self._up[ref.address] = _Incarnation(ref)
            for address in sorted(routing.neighbours(ref.address) & self._up.keys()):
                neighbour = self._up[address].ref
                here, there = two_ends()
                ref.process.send(WithFiles(Connect(address, neighbour.number), here))
                neighbour.process.send(WithFiles(Connect(ref.address, ref.number), there))
                new.unconnected.add(address)
            if ref.process.gone:  # it ended before it was added, so `remove` did not find it
                self.remove(ref)

    def remove(self, ref: ProcessRef) -> None:
        """Connect no process to one that has ended. Its neighbours will be connected to its next incarnation."""
        with self._lock:
            if self._find(ref) is not None:
                del self._up[ref.address]

    def relay(self, ref: ProcessRef, deliver: Callable[[], None]) -> None:
        """Deliver what a process sends through this one, in order; hold it back until all neighbours are connected.

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
            if found is None or found.ref.number != number:
                return
            found.unconnected.discard(neighbour)
            if not found.unconnected:
                held, found.held = found.held, []
                for deliver in held:
                    deliver()

    def _find(self, ref: ProcessRef) -> _Incarnation | None:
        found = self._up.get(ref.address)
        return found if found is not None and found.ref is ref else None


def two_ends() -> tuple[list[int], list[int]]:
    """Return the two ends of a new connection, each as the open files that `Connect` is sent with.

    Raises:
        OSError: the system allows no more open files.
    """
    with ExitStack() as made:

        def kept(fd: int) -> int:
            made.callback(os.close, fd)
            return fd

        one, other = (kept(each.detach()) for each in socket.socketpair())
        there, back = kept(new_slab()), kept(new_slab())
        ends = [one, there, back], [other, kept(os.dup(back)), kept(os.dup(there))]
        made.pop_all()
        return ends
