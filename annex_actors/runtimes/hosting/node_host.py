"""The work of every actor that hosts a node: load the last commit, work, and carry out the effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from annex_actors.protocol.effects import Commit, Effect, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import Instrument, combined
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.program import PeerSpec


class Surroundings(Protocol):
    """What a peer needs of its run, wherever the peer lives.

    A host makes one more promise: once the trainer has received a message of a new incarnation, every message to that
    peer goes to this incarnation, and none to the one before. The trainer sends lost predictions again when it learns
    of a new incarnation, and only then: if a peer still sent to the old one, they would be lost for ever.
    """

    def instrument(self, address: Address, number: int) -> Instrument:
        """Return what watches a new incarnation of a peer; ``number`` as `open` returned it."""

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Begin a new incarnation: return the store's number for it, from 1, and the last commit.

        Raises:
            Ignore: the run has failed, so do not restart this peer.
        """

    def heartbeat(self, address: Address) -> Heartbeat:
        """Return the heartbeat of a new incarnation."""

    def record_start(self, address: Address, incarnation: int, time: float) -> None:
        """Record that a peer is up since ``time``, before it does anything; its supervisor counts ``incarnation``."""

    def send(self, to: Address, envelope: Envelope) -> None:
        """Deliver an envelope. It may be lost."""

    def is_due(self, step: int) -> bool:
        """Return whether to commit now, when every step below ``step`` is done."""

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Make a snapshot the last commit of its address, atomically; ``number`` as `open` returned it."""

    def emit(self, event: Event) -> None:
        """Show an event, which has its time, to every observer."""


class NodeHost:
    """A node at work in its surroundings.

    Args:
        spec: the stage or trainer.
        surroundings: of its run.
    """

    def __init__(self, spec: PeerSpec, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._address = spec.address
        heartbeat = surroundings.heartbeat(spec.address)
        heartbeat.begin()
        self._number, snapshot = surroundings.open(spec.address)
        instrument = combined(heartbeat, surroundings.instrument(spec.address, self._number))
        self.node = spec.node(snapshot, self._number, instrument, surroundings.is_due)

    def start(self, incarnation: int) -> None:
        """Report that the peer is up, and ask the neighbours for what it missed.

        Args:
            incarnation: as its supervisor counts.
        """
        effects = self.node.start()
        self._surroundings.record_start(self._address, incarnation, clock.now())
        self._perform(effects)

    def work(self) -> bool:
        """Do the next piece of work and carry out its effects; return whether there was any."""
        effects = self.node.work()
        if effects is None:
            return False
        self._perform(effects)
        return True

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Carry out effects, in their order."""
        surroundings = self._surroundings
        send = surroundings.send
        self.node.carrying_out(effects)
        for effect in effects:
            if isinstance(effect, Send):
                send(effect.to, effect.envelope)
            elif isinstance(effect, Commit):
                surroundings.commit(effect.snapshot, self._number)
            else:
                surroundings.emit(clock.stamped(effect.event))
        self.node.carried_out(effects)
