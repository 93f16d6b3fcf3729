"""A peer in a process of its own, as its supervisor sees it."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from annex_actors.errors import AnnexError
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.failures import PeerError
from annex_actors.runtimes.processes.orders import Disturb, Ended, Stop
from annex_actors.runtimes.processes.process import WorkerProcess
from annex_actors.runtimes.troubles import Trouble
from supervisors import KILLED, SHUTDOWN, Crashed, Reason, Rung

TERMINATE_S = 0.25
"""Seconds from SIGTERM to SIGKILL."""

FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""Signals that somebody sends; the others come of what a process does itself."""


class ProcessDied(PeerError):
    """A process that ended without a word."""


class RemoteError(AnnexError):
    """An exception that cannot be unpickled here; its last line, and the whole of its text as a note."""


class ProcessRef:
    """What others send to: a peer in a process.

    Args:
        address: its name.
        incarnation: which life of it.
        process: where it lives.
    """

    def __init__(self, address: Address, incarnation: int, process: WorkerProcess) -> None:
        self.address = address
        self.incarnation = incarnation
        self.process = process

    def tell(self, envelope: Envelope) -> None:
        """Send an envelope; never waits."""
        self.process.send(envelope)

    def disturb(self, layer: int, trouble: Trouble) -> None:
        """Let something go wrong in a layer of it."""
        self.process.send(Disturb(layer, trouble))

    def kill(self) -> None:
        """End the process, whatever it is at."""
        self.process.kill()

    def __repr__(self) -> str:
        return f"<{self.address}#{self.incarnation} process {self.process.pid}>"


@dataclass(eq=False)
class ProcessChild:
    """One incarnation; satisfies `supervisors.Child`. Its kill always ends it.

    Args:
        ref: its reference.
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
        """Return: SIGTERM, then SIGKILL, which nothing withstands."""
        return (
            Rung("terminate", lambda: self._force(signal.SIGTERM), TERMINATE_S),
            Rung("kill", lambda: self._force(signal.SIGKILL), None),
        )

    def abandon(self) -> None:
        """Kill it; there is nothing to be left behind."""
        self._force(signal.SIGKILL)

    def join(self) -> None:
        """Wait until the process is gone."""
        self.ref.process.wait()

    def depth(self) -> None:
        """Return that it is not known how many messages wait."""
        return

    def _force(self, number: int) -> None:
        self._forced = True
        self.ref.process.signal(number)

    def _reason(self) -> Reason:
        process = self.ref.process
        words, code = process.words, process.exit_code
        if words is not None:
            return self._asked if words.error is None else Crashed(_unpickled(words))
        if self._forced:
            return KILLED
        assert code is not None
        return Crashed(_death(code, process.beacon.place if process.beacon.began else None))


def _death(code: int, place: str | None) -> ProcessDied:
    if code >= 0:
        return ProcessDied(f"ended with exit code {code}", place)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return ProcessDied(f"killed by {name}", place, from_outside=-code in FROM_OUTSIDE)


def _unpickled(words: Ended) -> BaseException:
    try:
        error: object = pickle.loads(words.error or b"")
    except Exception:  # noqa: BLE001 - its class may want anything
        error = None
    if isinstance(error, BaseException):
        return error
    remote = RemoteError((words.text.strip().splitlines() or ["an exception without a text"])[-1])
    remote.add_note(words.text)
    return remote
