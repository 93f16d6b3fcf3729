"""What a peer in a worker needs of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Protocol

from annex_actors.protocol.effects import Emit, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, combined
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import clock
from annex_actors.runtimes.delayed_links import DelayLine
from annex_actors.runtimes.faults.injected import InjectedFaults
from annex_actors.runtimes.faults.planned import CrashPlan
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.workers.commits import is_due
from annex_actors.runtimes.hosting.workers.control_messages import Assign, Crashing, Kept, Up


class Channel(Protocol):
    """The way to one incarnation of a neighbour."""

    def send(self, message: Envelope) -> None:
        """Send an envelope, after those that were sent before; it is lost if the neighbour has ended."""


class CommitLog(Protocol):
    """Where a peer commits, so that its next incarnation finds it, whatever ends this process."""

    def latest(self) -> Snapshot | None:
        """Return the last commit; None before the first."""

    def commit(self, snapshot: Snapshot) -> None:
        """Add a commit, atomically; it is kept when this returns."""


class WorkerSurroundings:
    """The surroundings of the peer in this worker; satisfies `Surroundings`.

    Args:
        assignment: of the peer.
        tell: sends a message to the supervising process.
        channels: the current ones to the neighbours.
        relayed: the peers that live in the supervising process.
        log: where the peer commits.
        heartbeat: of this incarnation.
        recorder: of its trace.
    """

    def __init__(
        self,
        assignment: Assign,
        tell: Callable[[object], None],
        channels: Mapping[Address, Channel],
        relayed: Set[Address],
        log: CommitLog,
        heartbeat: Heartbeat,
        recorder: Instrument,
    ) -> None:
        self._assignment = assignment
        self._tell = tell
        self._channels = channels
        self._relayed = relayed
        self._log = log
        self._heartbeat = heartbeat
        self.faults = InjectedFaults(on_strike=tell)
        crashes: Instrument = NO_INSTRUMENT
        if assignment.crashes:
            crashes = CrashPlan(assignment.crashes, lambda place: tell(Crashing(place)))
        kept = assignment.wanted.instrument(tell) if assignment.wanted else NO_INSTRUMENT
        if assignment.delayed is not None:
            line = DelayLine(assignment.delayed, self.send)
            line.start()
            self.send = line.send  # type: ignore[method-assign]
        waiting = assignment.slowed.instrument(clock.now) if assignment.slowed else NO_INSTRUMENT
        self._instrument = combined(waiting, recorder, self.faults, crashes, kept)

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Return the store's number for this incarnation, and the last commit."""
        return self._assignment.number, self._log.latest()

    def instrument(self, address: Address, number: int) -> Instrument:
        """Return what watches the peer."""
        return self._instrument

    def heartbeat(self, address: Address) -> Heartbeat:
        """Return the heartbeat of this incarnation."""
        return self._heartbeat

    def record_start(self, address: Address, incarnation: int, time: float) -> None:
        """Tell the supervising process that the peer is up."""
        self._tell(Up(time))

    def send(self, to: Address, envelope: Envelope) -> None:
        """Send an envelope over the channel to a neighbour, or through the supervising process to a peer in it."""
        channel = self._channels.get(to)
        if channel is not None:
            channel.send(envelope)
        elif to in self._relayed:
            self._tell(Send(to, envelope))

    def is_due(self, step: int) -> bool:
        """Return whether to commit now: every few steps, since a commit is a copy, and at each checkpoint."""
        return is_due(step, self._assignment.commit_every, self._assignment.every)

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Write a commit to the log."""
        self._log.commit(snapshot)
        if self._assignment.every and snapshot.step % self._assignment.every == 0:
            self._tell(Kept(snapshot.step))

    def emit(self, event: Event) -> None:
        """Send an event to the supervising process, which shows it to the observers."""
        self._tell(Emit(event))
