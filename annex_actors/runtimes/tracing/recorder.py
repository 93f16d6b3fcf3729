"""The instrument that records a peer's messages and work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from annex_actors.protocol.effects import Effect, Send
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Peer, WorkItem
from annex_actors.protocol.messages import WHOLE_STEP, Address, Control, Envelope, Message, WithArray
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.runtimes.tracing.layout import (
    DROPPED,
    FIELDS,
    PAUSED,
    READ,
    RECEIVED,
    SENT,
    WORKED,
    WRITTEN,
    Memory,
    Ring,
)
from annex_actors.runtimes.tracing.scope import Scope

_SIZE, _pack_into = FIELDS.size, FIELDS.pack_into


def recorder_of(memory: Memory, scope: Scope, clock: Callable[[], float]) -> Recorder:
    """Return what records one incarnation of a peer.

    Args:
        memory: see `Ring`.
        scope: which steps are recorded.
        clock: the time in seconds; virtual in a simulation.
    """
    if scope.is_whole and scope.is_kept:
        return Recorder(memory, clock)
    return PartRecorder(memory, scope, clock)


class Recorder(Instrument):
    """Records what one incarnation of a peer receives, does and sends.

    It is called some four times for each piece of work, so it writes each record in one go, and looks up again only
    what may have changed.

    Args:
        memory: see `Ring`.
        clock: the time in seconds; virtual in a simulation.
    """

    def __init__(self, memory: Memory, clock: Callable[[], float]) -> None:
        self._ring = ring = Ring(memory)
        self._counts, self._body, self._room = ring.counts, ring.body, ring.room
        self._written, self._limit = 0, ring.room
        self._clock = clock
        self._began, self._version = 0.0, 0
        self._kinds: dict[type, tuple[int, bool]] = {}
        self._roles: dict[str, int] = {}
        self._ends: dict[Address, tuple[int, int]] = {}

    def received(self, peer: Peer, envelope: Envelope) -> None:
        """Record a message that is taken from the inbox."""
        self._record(RECEIVED, envelope.sender, envelope.message, envelope.incarnation)

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Remember when a piece of work begins, and at which version."""
        self._version, self._began = peer.finished, self._clock()

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record the messages that will be sent now."""
        for effect in effects:
            if isinstance(effect, Send):
                envelope = effect.envelope
                self._record(SENT, effect.to, envelope.message, envelope.incarnation)

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record a piece of work that is done."""
        other, message = item if isinstance(item, tuple) else (peer.address, item)
        self._record(WORKED, other, message, peer.incarnation)

    def _record(self, what: int, other: Address, message: Message | None, incarnation: int) -> None:
        written = self._written
        if written >= self._limit and not self._has_room():
            return
        try:
            kind, has_array = self._kinds[message.__class__]
            role, number = self._ends[other]
        except KeyError:
            (kind, has_array), (role, number) = self._named(message), self._numbered(other)
        if message is None:
            step, microbatch, edge = self._version, WHOLE_STEP, 0
        else:
            step, microbatch, edge = message.step, message.microbatch, message.edge
        version, size, start, end = 0, 0, self._clock(), 0.0
        if what == WORKED:
            version, start, end = self._version, self._began, start
        elif has_array:
            size = message.nbytes  # type: ignore[union-attr]
        place = written % self._room * _SIZE
        _pack_into(
            self._body, place, what, kind, role, number, step, microbatch, edge, incarnation, size, version, start, end
        )
        self._written = self._counts[WRITTEN] = written + 1

    def _has_room(self) -> bool:
        """Look up how far the reader is; a record for which there is no room is counted."""
        self._limit = self._counts[READ] + self._room
        if self._written < self._limit:
            return True
        self._counts[DROPPED] += 1
        return False

    def _named(self, message: Message | None) -> tuple[int, bool]:
        name = START if message is None else message.kind
        if type(message) not in self._kinds:
            self._kinds[type(message)] = self._ring.name(name), isinstance(message, WithArray)
        return self._kinds[type(message)]

    def _numbered(self, other: Address) -> tuple[int, int]:
        role, number = other
        if role not in self._roles:
            self._roles[role] = self._ring.name(role)
        known = self._ends[other] = self._roles[role], -1 if number is None else number
        return known


class PartRecorder(Recorder):
    """Records some of the steps, or only while something listens.

    Args:
        memory: see `Ring`.
        scope: which steps are recorded.
        clock: the time in seconds; virtual in a simulation.
    """

    def __init__(self, memory: Memory, scope: Scope, clock: Callable[[], float]) -> None:
        super().__init__(memory, clock)
        self._scope = scope

    def during(self, step: int) -> Instrument:
        """Return this where the peer may meet a step that is traced, before it has finished ``step``; else nothing."""
        return NO_INSTRUMENT if self._counts[PAUSED] or not self._scope.is_near(step - 1) else self

    def _record(self, what: int, other: Address, message: Message | None, incarnation: int) -> None:
        scope = self._scope
        if message is None or scope.is_whole or (message.step in scope and not isinstance(message, Control)):
            super()._record(what, other, message, incarnation)
