"""A peer in a process of its own, as its supervisor sees it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.faults.injected import LayerFault
from annex_actors.runtimes.hosting.probed import Probed
from annex_actors.runtimes.processes.control_messages import Inject, Probe, Stop
from annex_actors.runtimes.processes.worker_process import WorkerProcess
from supervisors import KILLED, SHUTDOWN, Crashed, Reason, Rung

TERMINATE_S = 0.25
"""Seconds from SIGTERM to SIGKILL."""


class ProcessRef:
    """A peer in a process; a `PeerRef`.

    Args:
        address: its name.
        incarnation: the number of this incarnation, as its supervisor counts.
        number: of the incarnation, as the store counts: one that is killed while it starts has a number too.
        process: the process that hosts it.
    """

    def __init__(self, address: Address, incarnation: int, number: int, process: WorkerProcess) -> None:
        self.address = address
        self.incarnation = incarnation
        self.number = number
        self.process = process
        self._asked: dict[int, Callable[[Probed], None]] = {}
        self._numbers = count()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    def tell(self, envelope: Envelope) -> None:
        """Send an envelope, without waiting."""
        self.process.send(envelope)

    def kill(self) -> None:
        """Kill the process, whatever it is doing."""
        self.process.kill()

    def end(self) -> None:
        """Kill the process: SIGKILL always ends it, so there is nothing to wait for."""
        self.process.kill()

    def inject(self, fault: LayerFault, layer: int) -> None:
        """Inject a fault into a layer; for `LayerFault.STUCK`, stop the whole process."""
        if fault is LayerFault.STUCK:
            self.process.signal(signal.SIGSTOP)
        else:
            self.process.send(Inject(layer, fault))

    def probe(self, on_answer: Callable[[Probed], None], held: int, *, deep: bool) -> None:
        """Ask the process how the peer does; a process that is stopped never answers."""
        number = next(self._numbers)
        self._asked[number] = on_answer
        self.process.send(Probe(number, deep))

    def answered(self, number: int, answer: Probed) -> None:
        """Give an answer of the process to the caller of `probe`."""
        on_answer = self._asked.pop(number, None)
        if on_answer is not None:
            on_answer(answer)

    def __repr__(self) -> str:
        return f"<{self.address}#{self.incarnation} process {self.process.pid}>"


@dataclass(eq=False)
class ProcessChild:
    """One incarnation of a peer in a process; satisfies `supervisors.Child`. A kill always ends it.

    Args:
        ref: the peer.
    """

    ref: ProcessRef
    can_be_killed = True

    def __post_init__(self) -> None:
        self._asked: Reason = SHUTDOWN
        self._forced = False

    def watch(self, on_exit: Callable[[Reason], None]) -> None:
        """Call ``on_exit`` when the process has ended."""
        self.ref.process.watch(lambda: on_exit(self._reason()))

    def shutdown(self, reason: Reason) -> None:
        """Ask the peer to stop after the message it is handling."""
        self._asked = reason
        self.ref.process.send(Stop())

    def ladder(self) -> Sequence[Rung]:
        """Return the rungs: SIGTERM, then SIGKILL."""
        return (
            Rung("terminate", lambda: self._force(signal.SIGTERM), TERMINATE_S),
            Rung("kill", lambda: self._force(signal.SIGKILL), None),
        )

    def abandon(self) -> None:
        """Kill the process, so that nothing is left behind."""
        self._force(signal.SIGKILL)

    def join(self) -> None:
        """Wait until the process has ended."""
        self.ref.process.wait()

    def depth(self) -> None:
        """Return None: the number of waiting messages is not known."""
        return

    def _force(self, number: int) -> None:
        self._forced = True
        self.ref.process.signal(number)

    def _reason(self) -> Reason:
        process = self.ref.process
        if self._forced and process.final_message is None:
            return KILLED
        error = process.error()
        return self._asked if error is None else Crashed(error)
