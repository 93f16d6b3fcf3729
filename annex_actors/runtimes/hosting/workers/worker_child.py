"""A peer in a worker, as its supervisor sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import LayerFault
from annex_actors.runtimes.hosting.failures import PeerError, on_node
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.probed import Probed
from annex_actors.runtimes.hosting.workers.control_messages import Inject, Probe, Stop
from supervisors import KILLED, SHUTDOWN, Crashed, Reason, Rung


class WorkerDied(PeerError):
    """A worker that ended without sending `Ended`; ``by_signal`` says whether a signal ended it, of whatever origin."""

    by_signal = False


class Worker(Protocol):
    """A process that hosts a peer, as the supervising process sees it.

    ``forced`` says whether a rung of its ladder was pulled.
    """

    forced: bool

    @property
    def pid(self) -> int | None:
        """The process id; None: it is on another machine."""

    @property
    def node(self) -> str:
        """The name of its node; empty where the runtime has one machine."""

    @property
    def gone(self) -> bool:
        """Whether it has ended."""

    @property
    def heartbeat(self) -> Heartbeat:
        """Of its peer, as far as it is known here."""

    @property
    def has_said_why(self) -> bool:
        """Whether it has sent `Ended`."""

    def send(self, message: object) -> None:
        """Send a control message or an envelope, without waiting; it is lost if the worker has ended."""

    def serve(self, on_message: Callable[[Any], None]) -> None:
        """Call ``on_message`` with every message of the peer, in one thread."""

    def watch(self, on_exit: Callable[[], None]) -> None:
        """Call ``on_exit`` when it has ended; at once if it already has."""

    def wait(self) -> object:
        """Wait until it has ended."""

    def kill(self) -> None:
        """Kill it, whatever it is doing."""

    def stop_running(self) -> None:
        """Let it run no more, without ending it: an injected fault."""

    def ladder(self) -> Sequence[Rung]:
        """Return the rungs of its kill; the last one always ends it."""

    def error(self) -> BaseException | None:
        """Return why it has ended: the exception that it sent, or how it died; None for an orderly end."""

    def output(self) -> str:
        """Return the end of what it wrote to its standard output and standard error."""

    def close(self) -> None:
        """Kill it if it has not ended, and release its resources. Safe to call twice."""


class WorkerRef:
    """A peer in a worker; a `PeerRef`.

    Args:
        address: its name.
        incarnation: the number of this incarnation, as its supervisor counts.
        number: of the incarnation, as the store counts: one that is killed while it starts has a number too.
        worker: hosts it.
    """

    def __init__(self, address: Address, incarnation: int, number: int, worker: Worker) -> None:
        self.address = address
        self.incarnation = incarnation
        self.number = number
        self.worker = worker
        self._asked: dict[int, Callable[[Probed], None]] = {}
        self._numbers = count()

    @property
    def pid(self) -> int | None:
        """The id of its process; None: it is on another machine."""
        return self.worker.pid

    @property
    def node(self) -> str:
        """The name of its node; empty where the runtime has one machine."""
        return self.worker.node

    def tell(self, envelope: Envelope) -> None:
        """Send an envelope, without waiting."""
        self.worker.send(envelope)

    def kill(self) -> None:
        """Kill the worker, whatever it is doing."""
        self.worker.kill()

    def end(self) -> None:
        """Kill the worker: that always ends it, so there is nothing to wait for."""
        self.worker.kill()

    def inject(self, fault: LayerFault, layer: int) -> None:
        """Inject a fault into a layer; for `LayerFault.STUCK`, stop the whole process."""
        if fault is LayerFault.STUCK:
            self.worker.stop_running()
        else:
            self.worker.send(Inject(layer, fault))

    def probe(self, on_answer: Callable[[Probed], None], held: int, *, deep: bool) -> None:
        """Ask the worker how the peer does; one that is stopped never answers."""
        number = next(self._numbers)
        self._asked[number] = on_answer
        self.worker.send(Probe(number, deep))

    def answered(self, number: int, answer: Probed) -> None:
        """Give an answer of the worker to the caller of `probe`."""
        on_answer = self._asked.pop(number, None)
        if on_answer is not None:
            on_answer(answer)

    def __repr__(self) -> str:
        return f"<{self.address}#{self.incarnation} {self.worker}>"


@dataclass(eq=False)
class WorkerChild:
    """One incarnation of a peer in a worker; satisfies `supervisors.Child`. A kill always ends it.

    Args:
        ref: the peer.
    """

    ref: WorkerRef
    can_be_killed = True

    def __post_init__(self) -> None:
        self._asked: Reason = SHUTDOWN

    def watch(self, on_exit: Callable[[Reason], None]) -> None:
        """Call ``on_exit`` when the worker has ended."""
        self.ref.worker.watch(lambda: on_exit(self._reason()))

    def shutdown(self, reason: Reason) -> None:
        """Ask the peer to stop after the message it is handling."""
        self._asked = reason
        self.ref.worker.send(Stop())

    def ladder(self) -> Sequence[Rung]:
        """Return the rungs of the worker."""
        return self.ref.worker.ladder()

    def abandon(self) -> None:
        """Kill the worker, so that nothing is left behind."""
        self.ladder()[-1].pull()

    def join(self) -> None:
        """Wait until the worker has ended."""
        self.ref.worker.wait()

    def depth(self) -> None:
        """Return None: the number of waiting messages is not known."""
        return

    def _reason(self) -> Reason:
        worker = self.ref.worker
        if worker.forced and not worker.has_said_why:
            return KILLED
        error = worker.error()
        return self._asked if error is None else Crashed(on_node(error, worker.node))
