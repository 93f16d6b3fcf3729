"""The instrument that records a peer's messages and work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from annex_actors.protocol.effects import Effect, Send
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Peer, WorkItem
from annex_actors.protocol.messages import WHOLE_STEP, Address, Control, Envelope, Message, WithArray
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.runtimes.tracing.layout import (
    DROPPED,
    HEAD_FIELDS,
    MESSAGE,
    PAUSED,
    READ,
    RECEIVED,
    RECORD,
    SENT,
    WORK,
    WORKED,
    WRITTEN,
    Memory,
    Ring,
)
from annex_actors.runtimes.tracing.scope import Scope

_SIZE, _pack_message, _pack_work = RECORD.itemsize, MESSAGE.pack_into, WORK.pack_into

Head: TypeAlias = tuple[bytes, bool]
"""What records of a kind begin with, and whether the messages have arrays."""

Heads: TypeAlias = defaultdict[Address | None, dict[type, Head]]


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

    It is called some four times for each piece of work, so each method writes its record itself, in one go, behind a
    head that is made once: what the record is of, the kind of the message, and both peers.

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
        self._names: dict[str, int] = {}
        self._received: Heads = defaultdict(dict)
        self._sent: Heads = defaultdict(dict)
        self._worked: Heads = defaultdict(dict)

    def received(self, peer: Peer, envelope: Envelope) -> None:
        """Record a message that is taken from the inbox."""
        written = self._written
        if written < self._limit or self._has_room():
            message, sender = envelope.message, envelope.sender
            try:
                head, has_array = self._received[sender][message.__class__]
            except KeyError:
                head, has_array = self._head(self._received, RECEIVED, peer, sender, message)
            _pack_message(
                self._body,
                written % self._room * _SIZE,
                head,
                envelope.incarnation,
                message.edge,
                message.step,
                message.microbatch,
                message.nbytes if has_array else 0,
                self._clock(),
            )
            self._written = self._counts[WRITTEN] = written + 1

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Remember when a piece of work begins, and at which version."""
        self._version, self._began = peer.finished, self._clock()

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record the messages that will be sent now."""
        for effect in effects:
            if isinstance(effect, Send) and ((written := self._written) < self._limit or self._has_room()):
                envelope, to = effect.envelope, effect.to
                message = envelope.message
                try:
                    head, has_array = self._sent[to][message.__class__]
                except KeyError:
                    head, has_array = self._head(self._sent, SENT, peer, to, message)
                _pack_message(
                    self._body,
                    written % self._room * _SIZE,
                    head,
                    envelope.incarnation,
                    message.edge,
                    message.step,
                    message.microbatch,
                    message.nbytes if has_array else 0,
                    self._clock(),
                )
                self._written = self._counts[WRITTEN] = written + 1

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record a piece of work that is done."""
        written = self._written
        if written < self._limit or self._has_room():
            other, message = item if isinstance(item, tuple) else (None, item)
            try:
                head, _ = self._worked[other][message.__class__]
            except KeyError:
                head, _ = self._head(self._worked, WORKED, peer, other, message)
            if message is None:
                step, microbatch, edge = self._version, WHOLE_STEP, 0
            else:
                step, microbatch, edge = message.step, message.microbatch, message.edge
            _pack_work(
                self._body,
                written % self._room * _SIZE,
                head,
                peer.incarnation,
                edge,
                step,
                microbatch,
                self._version,
                self._began,
                self._clock(),
            )
            self._written = self._counts[WRITTEN] = written + 1

    def _has_room(self) -> bool:
        """Look up how far the reader is; a record for which there is no room is counted."""
        self._limit = self._counts[READ] + self._room
        if self._written < self._limit:
            return True
        self._counts[DROPPED] += 1
        return False

    def _head(self, heads: Heads, what: int, peer: Peer, other: Address | None, message: Message | None) -> Head:
        """Return what all such records begin with, and whether their messages have arrays; ``other`` None: the peer."""
        kind = self._name(START if message is None else message.kind)
        (role, number), (own_role, own_number) = other or peer.address, peer.address
        ends = self._name(role), self._name(own_role), _number(number), _number(own_number)
        head = heads[other][message.__class__] = (
            HEAD_FIELDS.pack(what, kind, *ends, peer.incarnation),
            isinstance(message, WithArray),
        )
        return head

    def _name(self, text: str) -> int:
        if text not in self._names:
            self._names[text] = self._ring.name(text)
        return self._names[text]


def _number(number: int | None) -> int:
    return -1 if number is None else number


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

    def during(self, finished: int) -> tuple[Instrument, float]:
        """Return this where the peer may meet a step that is traced before it has finished another; else nothing."""
        scope, is_paused = self._scope, self._counts[PAUSED]
        until = scope.stays_until(finished) if scope.is_kept else finished + 1  # else it is paused at any time
        return NO_INSTRUMENT if is_paused or not scope.is_near(finished) else self, until

    def received(self, peer: Peer, envelope: Envelope) -> None:
        """Record a message of a step that is traced."""
        if self._has(envelope.message):
            super().received(peer, envelope)

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record the messages of steps that are traced."""
        super().done(peer, item, [e for e in effects if isinstance(e, Send) and self._has(e.envelope.message)])

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Record a piece of work on a step that is traced."""
        if self._has(item[1] if isinstance(item, tuple) else item):
            super().after(peer, item, effects)

    def _has(self, message: Message | None) -> bool:
        scope = self._scope
        return message is None or scope.is_whole or (message.step in scope and not isinstance(message, Control))
