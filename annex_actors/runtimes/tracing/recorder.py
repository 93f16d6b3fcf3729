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


class Recorder(Instrument):
    """Records what one incarnation of a peer receives, does and sends.

    It is called some ten times for each piece of work, so it writes each record in one go, and looks up again only what
    may have changed.

    Args:
        memory: see `Ring`.
        scope: which steps are recorded.
        clock: the time in seconds; virtual in a simulation.
    """

    def __init__(self, memory: Memory, scope: Scope, clock: Callable[[], float]) -> None:
        self._ring = ring = Ring(memory)
        self._counts, self._body, self._room = ring.counts, ring.body, ring.room
        self._written, self._limit = 0, ring.room
        self._scope = None if scope.is_whole else scope
        self._clock = clock
        self._began, self._version = 0.0, 0
        self._kinds: dict[type, tuple[int, bool]] = {}
        self._roles: dict[str, int] = {}
        self._ends: dict[Address, tuple[int, int]] = {}

    def during(self, step: int) -> Instrument:
        """Return this where the peer may meet a step that is traced, before it has finished ``step``; else nothing."""
        if self._counts[PAUSED]:
            return NO_INSTRUMENT
        return self if self._scope is None or self._scope.is_near(step - 1) else NO_INSTRUMENT

    def received(self, peer: Peer, envelope: Envelope) -> None:
        """Record a message that is taken from the inbox."""
        message = envelope.message
        if self._scope is None or self._is_in_scope(message):
            self._record(RECEIVED, envelope.sender, message, envelope.incarnation, 0, self._clock(), 0.0)

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Remember when a piece of work begins, and at which version."""
        self._version, self._began = peer.finished, self._clock()

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record the messages that will be sent now."""
        for effect in effects:
            if isinstance(effect, Send):
                envelope = effect.envelope
                message = envelope.message
                if self._scope is None or self._is_in_scope(message):
                    self._record(SENT, effect.to, message, envelope.incarnation, 0, self._clock(), 0.0)

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record a piece of work that is done."""
        other, message = item if isinstance(item, tuple) else (peer.address, item)
        if message is None or self._scope is None or self._is_in_scope(message):
            self._record(WORKED, other, message, peer.incarnation, self._version, self._began, self._clock())

    def _is_in_scope(self, message: Message) -> bool:
        assert self._scope is not None
        return message.step in self._scope and not isinstance(message, Control)

    def _record(
        self,
        what: int,
        other: Address,
        message: Message | None,
        incarnation: int,
        version: int,
        start: float,
        end: float,
    ) -> None:
        written = self._written
        if written >= self._limit and not self._has_room():
            return
        try:
            kind, has_array = self._kinds[type(message)]
            role, number = self._ends[other]
        except KeyError:
            (kind, has_array), (role, number) = self._named(message), self._numbered(other)
        if message is None:
            step, microbatch, edge = version, WHOLE_STEP, 0
        else:
            step, microbatch, edge = message.step, message.microbatch, message.edge
        size = message.nbytes if has_array and what != WORKED else 0  # type: ignore[union-attr]
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
