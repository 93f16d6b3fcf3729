"""What a run's events say about it so far: an observer that keeps little, however long the run."""

from __future__ import annotations

from collections import deque

from annex_actors.control.status import ActorExit
from annex_actors.protocol.events import Event, PeerExited, PeerHung, PeerStarted
from annex_actors.protocol.messages import Address
from annex_actors.runs.run_counts import RunCounts

KEPT = 5
"""How many exits of an actor are kept."""


class Journal:
    """An observer: counts of the run, and for each peer its last start and its last exits.

    It is written in one thread and read in others, each value at once.
    """

    def __init__(self) -> None:
        self.counts = RunCounts()
        self.started: dict[Address, PeerStarted] = {}
        self.hung: dict[Address, int] = {}
        """The incarnation of each peer that hung last."""
        self._exits: dict[Address, deque[ActorExit]] = {}

    def on_event(self, event: Event) -> None:
        """Count an event, and keep it if it is about a peer's life."""
        self.counts.count(event)
        match event:
            case PeerStarted(address=address):
                self.started[address] = event
            case PeerHung(address=address, incarnation=incarnation):
                self.hung[address] = incarnation
            case PeerExited(address=address, orderly=False):
                end = ActorExit(
                    time=event.time, incarnation=event.incarnation, reason=event.reason, traceback=event.traceback
                )
                self._exits.setdefault(address, deque(maxlen=KEPT)).append(end)

    def exits(self, address: Address) -> tuple[ActorExit, ...]:
        """Return how the last incarnations of a peer ended, the newest last."""
        return tuple(self._exits.get(address, ()))
