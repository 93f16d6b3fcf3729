"""What every actor does that hosts a node: load the last commit at the start, do what there is, carry out effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from annex_actors.protocol.effects import Commit, Effect, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import Instrument, combined
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.program import PeerSpec


class Surroundings(Protocol):
    """What a peer needs of the world around it, wherever it lives.

    A host promises one thing more: once the trainer has heard from a new life, whatever anybody sends to that peer goes
    to this life, and no more to the one before. Predictions are sent but once, and asked for anew by the trainer when
    it hears of a new life: who still sent to the old one would lose them for ever.
    """

    @property
    def instrument(self) -> Instrument:
        """What sees the work of every peer here."""

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Begin a new life: return its number, from 1, and the last commit.

        Raises:
            Ignore: the run has failed; whoever is started anew had better stay down.
        """

    def beacon(self, address: Address) -> Heartbeat:
        """Return the beacon of a new life."""

    def note_start(self, address: Address, incarnation: int) -> None:
        """Hear from a peer that it is up, before it does anything."""

    def send(self, to: Address, envelope: Envelope) -> None:
        """Deliver an envelope, or lose it."""

    def is_due(self, step: int) -> bool:
        """Return whether what was done below ``step`` is to be committed now."""

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Make a snapshot the last commit of its address, atomically."""

    def emit(self, event: Event) -> None:
        """Show an event to every observer."""


class NodeHost:
    """A node, and the surroundings that it lives in.

    Args:
        spec: the stage or trainer.
        surroundings: its run.
    """

    def __init__(self, spec: PeerSpec, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._address = spec.address
        heartbeat = surroundings.beacon(spec.address)
        heartbeat.begin()
        self._incarnation, snapshot = surroundings.open(spec.address)
        instrument = combined(heartbeat, surroundings.instrument)
        self.node = spec.node(snapshot, self._incarnation, instrument, surroundings.is_due)

    def start(self, incarnation: int) -> None:
        """Say that it is up, as its supervisor counts lives, and ask the neighbours for what it missed."""
        effects = self.node.start()
        self._around.note_start(self._address, incarnation)
        self._perform(effects)

    def work(self) -> bool:
        """Do the next piece of work and carry out its effects; return whether there was any."""
        effects = self.node.work()
        if effects is None:
            return False
        self._perform(effects)
        return True

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Carry effects out, in their order."""
        around = self._around
        send = around.send
        for effect in effects:
            if isinstance(effect, Send):
                send(effect.to, effect.envelope)
            elif isinstance(effect, Commit):
                around.commit(effect.snapshot, self._incarnation)
            else:
                around.emit(effect.event)
        self.node.carried_out(effects)
