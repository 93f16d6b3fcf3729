"""The Ray actor that hosts a peer."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

import ray

from annex_actors.base.user_files import run_user_file
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, combined
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.failures import PeerError
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.workers.control_messages import Assign, Connect, Ended
from annex_actors.runtimes.hosting.workers.ending import ended_by
from annex_actors.runtimes.hosting.workers.peer_worker import PeerWorker
from annex_actors.runtimes.ray.careful import Careful, Noted
from annex_actors.runtimes.ray.copied_log import CopiedLog, Copy
from annex_actors.runtimes.ray.facts import Facts, facts
from annex_actors.runtimes.ray.outbox import BEAT_S, Batch, Outbox
from annex_actors.runtimes.ray.parcels import Parcel, opened, parcel
from annex_actors.runtimes.ray.written import Printed, Written, WrittenFile
from annex_actors.runtimes.tracing.layout import PAUSED, ROOM, Ring, size_of
from annex_actors.runtimes.tracing.recorder import recorder_of


@dataclass(frozen=True, slots=True)
class AssignWithCopies:
    """Host this peer, which commits to these copies.

    Args:
        assignment: of the peer.
        copies: of its commits.
        careful: whether it says what it does before it does it; see `Careful`.
    """

    assignment: Assign
    copies: tuple[Copy, ...]
    careful: bool = False


@dataclass(frozen=True, slots=True)
class CommitTo:
    """Commit to these copies from now on."""

    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class StopRunning:
    """Stop the whole process by a signal: an injected fault."""


@dataclass(frozen=True, slots=True)
class PauseTrace:
    """Record nothing while something pauses the trace, and go on when it does not."""

    pause: bool


class Described(NamedTuple):
    """An actor that is ready for a peer.

    Args:
        pid: of its process.
        node: the id of its node.
        facts: of the node.
        files: to which the process writes.
    """

    pid: int
    node: str
    facts: Facts
    files: tuple[WrittenFile, ...]


class CallChannel:
    """The way to one incarnation of a neighbour: calls to its actor.

    Args:
        name: names the channel to its receiver.
        handle: of the actor.
        back: the handle of the sender's actor, by which the receiver answers; None: the supervising process is it.
    """

    def __init__(self, name: str, handle: Any, back: Any = None) -> None:
        self._name = name
        self._deliver = handle.deliver
        self._back = back
        self._sent = 0
        self._lock = Lock()

    def send(self, message: Envelope) -> None:
        """Send an envelope; it is lost if the actor has ended."""
        with self._lock:
            number, self._sent = self._sent, self._sent + 1
            self._deliver.remote(parcel(self._name, number, message, None if number else self._back))


class RemoteWorker(PeerWorker):
    """Hosts a peer in the process of a Ray actor.

    Each method has a concurrency group with one thread, see `REMOTE`.

    Args:
        beat_s: seconds between two heartbeats at most.
    """

    def __init__(self, beat_s: float = BEAT_S) -> None:
        super().__init__()
        self._beat_s = beat_s
        self._outbox = Outbox()
        self._written = Written.here()
        self._expected: dict[str, int] = {}
        self._copies: tuple[Copy, ...] = ()
        self._log: CopiedLog | None = None
        self._early: list[Envelope] | None = []
        """What came before the peer was up; None: it is up."""
        self._careful: Careful | None = None
        self._delivering = Lock()
        self._met: dict[Address, tuple[int, CallChannel]] = {}
        self._meeting = Lock()
        self._has_ended = Lock()

    @ray.method(concurrency_group="control")  # type: ignore[untyped-decorator]
    def prepare(self, load: Mapping[str, bytes]) -> Described | Ended:
        """Run the user's files, for what they register and define; return what this node has, or what went wrong."""
        try:
            for path, content in load.items():
                run_user_file(path, content)
            self._pin_blas()
            node = str(ray.get_runtime_context().get_node_id())
            return Described(os.getpid(), node, facts(), self._written.files)
        except BaseException as error:  # noqa: BLE001 - the supervising process judges it
            return ended_by(error)

    @ray.method(concurrency_group="deliveries", num_returns=0)  # type: ignore[untyped-decorator]
    def deliver(self, given: Parcel | bytes) -> None:
        """Take an envelope. If one before it was lost, end: all neighbours of the next incarnation send again."""
        channel, number, envelope, way = opened(given)
        if way is not None:
            self._meet(Connect(envelope.sender, envelope.incarnation, way))
        if number and number != self._expected.get(channel):
            self._fail(PeerError(f"lost a message from {envelope.sender} on its way", None, external=True))
            return
        self._expected[channel] = number + 1
        with self._delivering:
            if self._child is None or self._early is not None:
                self._early = [*(self._early or ()), envelope]
            else:
                self._child.ref.tell(envelope)

    @ray.method(concurrency_group="control", num_returns=0)  # type: ignore[untyped-decorator]
    def control(self, message: Any) -> None:
        """Handle a control message."""
        match message:
            case AssignWithCopies(assignment, copies, careful):
                self._copies = copies
                self._careful = Careful(self._tell, assignment.commit_every) if careful else None
                self.obey(assignment)
            case Noted(number):
                if self._careful is not None:
                    self._careful.noted.put(number)
            case CommitTo(copies):
                self._copies = copies
                if self._log is not None:
                    self._log.commit_to(copies)
            case PauseTrace(pause):
                if self._outbox.ring is not None:
                    self._outbox.ring.counts[PAUSED] = pause
            case StopRunning():
                os.kill(os.getpid(), signal.SIGSTOP)
            case _:
                self.obey(message)

    @ray.method(concurrency_group="listening")  # type: ignore[untyped-decorator]
    def listen(self) -> Batch:
        """Wait for what there is to say to the supervising process, and return it."""
        batch = self._outbox.take(self._heartbeat, self._beat_s)
        text = self._written.new()
        return batch._replace(messages=[Printed(text, self._written.files), *batch.messages]) if text else batch

    def _tell(self, message: object) -> None:
        self._outbox.put(message)

    def _open_channel(self, connect: Connect) -> CallChannel:
        return self._meet(connect)

    def _meet(self, connect: Connect) -> CallChannel:
        """Return the channel to an incarnation of a neighbour; send there from now on, unless there is a newer one.

        What a new incarnation sends may come before the supervising process has told of it, and is answered to it.
        """
        with self._meeting:
            number, channel = self._met.get(connect.peer, (0, None))
            if channel is None or connect.number > number:
                context = ray.get_runtime_context()
                channel = CallChannel(context.get_actor_id(), connect.way, context.current_actor)
                self._met[connect.peer] = connect.number, channel
                self._channels[connect.peer] = channel
            return channel

    def _assigned(self, assignment: Assign) -> None:
        spec = assignment.spec
        self._log = CopiedLog(spec.address, assignment.number, self._copies)
        watching = combined(self._recorder(assignment), self._careful or NO_INSTRUMENT)
        started = self._host(assignment, self._log, Heartbeat(), watching)
        with self._delivering:
            early, self._early = self._early, None
            if started is not None:
                for envelope in early or ():
                    started.ref.tell(envelope)

    def _recorder(self, assignment: Assign) -> Instrument:
        """Return what records the trace, for the calls that listen to take along."""
        if assignment.trace is None:
            return NO_INSTRUMENT
        ring = self._outbox.ring = Ring(bytearray(size_of(ROOM)))
        return recorder_of(ring.memory, assignment.trace, clock.now)

    def _exit(self, message: Ended) -> None:
        """Say why it ends; the supervising process then kills the actor."""
        if self._has_ended.acquire(blocking=False):
            self._tell(message)


GROUPS = {"deliveries": 1, "control": 1, "listening": 1}


def remote_class() -> Any:
    """Return the class of the actors, without restarts and repeated calls by Ray."""
    return ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0, concurrency_groups=GROUPS)(RemoteWorker)
