"""What the stages of a run hand over to be kept: what they were given when they failed, and fingerprints of their work.

Each is observed only if it is wanted, and reaches the owner of the run from wherever a stage lives: in this process by
a call, from a worker by a control message. A stage never waits for the disk: the owner writes in a thread of its own.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import numpy as np

from annex_actors.base.errors import LayerError, message_of
from annex_actors.peers.stage_state import StageState
from annex_actors.protocol.effects import Effect, Send
from annex_actors.protocol.given import Given
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem, combined
from annex_actors.protocol.messages import WHOLE_STEP, Address, Backward, Control, Forward, Message, Predict, Target
from annex_actors.protocol.replicas import Rows, Share
from annex_actors.protocol.routing import is_stage, replica_of

MOST_BYTES = 256 * 2**20
"""The most bytes of arrays of a failure: a layer in a process sends them before it ends, and so before its restart."""

STATE = "state"
"""The kind of the fingerprint of a stage's state after a step, beside the kinds of messages."""


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """A piece of work that raised.

    Args:
        address: of the stage.
        layer: the index of the layer in the whole network; None: the error does not say, as where the cost diverged.
        work: what the layer was doing, such as ``forward``.
        error: one line.
        traceback: the whole text; empty where the process of the layer ended, so that nothing was raised.
        given: what the piece depends on.
    """

    address: Address
    layer: int | None
    work: str
    error: str
    traceback: str
    given: Given


class Place(NamedTuple):
    """A piece of a run: which stage did what, for which step and microbatch.

    Args:
        stage: from 0.
        kind: the kind of the message that was handled; or `STATE`.
        step: from 0; of a state the number of steps that it has.
        microbatch: from 0; `WHOLE_STEP` for a piece about a whole step.
    """

    stage: int
    kind: str
    step: int
    microbatch: int


class Fingerprint(NamedTuple):
    """The fingerprints of a piece of work, in hex.

    Args:
        place: which piece.
        given: of the message; empty for a state.
        made: of the messages that were sent; or of the state.
    """

    place: Place
    given: str
    made: str


HandedOver: TypeAlias = Failure | Fingerprint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What stages are to hand over.

    Args:
        failures: what they were given when they failed.
        fingerprints: of every piece of work.
        broken_off: the piece in which the process of the incarnation before ended, such as ``forward at step 7
            microbatch 2``: what it is given is handed over before it is repeated, and perhaps ends this process too.
    """

    failures: bool = True
    fingerprints: bool = False
    broken_off: str | None = None

    def instrument(self, hand_over: Callable[[HandedOver], None]) -> Instrument:
        """Return what observes the stages of a process, and calls ``hand_over`` in their threads."""
        parts: list[Instrument] = [Fingerprinter(hand_over)] if self.fingerprints else []
        if self.failures:
            parts.append(FailureObserver(hand_over))
            parts += [BrokenOffObserver(self.broken_off, hand_over)] if self.broken_off else []
        return combined(*parts)


@dataclass(frozen=True, slots=True)
class HandingOver:
    """Where the stages of a run hand over what is to be kept.

    Args:
        keep: called with it, in any thread; it must not block, nor take a lock that a kill could leave locked.
        wanted: says what is still wanted; asked again for each worker.
    """

    keep: Callable[[HandedOver], None]
    wanted: Callable[[], Wanted]

    @property
    def instrument(self) -> Instrument:
        """What observes the stages in this process."""
        return self.wanted().instrument(self.keep)


class FailureObserver(Instrument):
    """Hands over what a stage was given when it failed."""

    def __init__(self, hand_over: Callable[[HandedOver], None]) -> None:
        self._hand_over = hand_over

    def failed(self, peer: Peer, given: Given, error: Exception) -> None:
        """Hand a failure over, unless it is too large; other peers than stages have nothing to repeat."""
        if not given.is_whole:  # only what failed is of use then
            given = replace(given, before=(), snapshot=replace(given.snapshot, state=StageState(())))
        if is_stage(peer.address) and _size(given) <= MOST_BYTES:
            where = error if isinstance(error, LayerError) else None
            layer, work = (where.layer, where.work) if where else (None, given.message.kind)
            text = "".join(traceback.format_exception(error))
            self._hand_over(Failure(peer.address, layer, work, error_line(error), text, given))


class BrokenOffObserver(Instrument):
    """Hands over what a piece of work is given, before it is done, since the process that did it last has ended in it.

    Args:
        place: of the piece.
        hand_over: called with it.
    """

    def __init__(self, place: str, hand_over: Callable[[HandedOver], None]) -> None:
        self._place = place
        self._hand_over = hand_over

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Hand the piece over, if it is the one."""
        if not is_stage(peer.address) or not is_piece(item) or f"{item.kind} at {item.place}" != self._place:
            return
        given = peer.given_to(item)
        if given is not None and _size(given) <= MOST_BYTES:
            error = f"its process ended in {self._place}"
            self._hand_over(Failure(peer.address, None, item.kind, error, "", given))


def error_line(error: Exception) -> str:
    """Return what failed in a stage, on one line: of a layer, with the place and the original error."""
    return " ".join(error.summary.split()) if isinstance(error, LayerError) else message_of(error)


class Fingerprinter(Instrument):
    """Hands over the fingerprints of each piece of a stage's work, once it is done."""

    def __init__(self, hand_over: Callable[[HandedOver], None]) -> None:
        self._hand_over = hand_over

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Hand over the fingerprints of a piece of work."""
        if is_stage(peer.address) and is_piece(item):
            for each in fingerprints(peer, item, effects):
                self._hand_over(each)


def is_piece(item: WorkItem | None) -> TypeGuard[Message]:
    """Return whether a stage's next work is a piece of its training: neither control, nor prediction, nor a target.

    Nor is it what another replica tells, which a stage only keeps, as it does a target.
    """
    return isinstance(item, Message) and not isinstance(item, Control | Predict | Target | Share)


def sent(effects: Sequence[Effect]) -> tuple[Message, ...]:
    """Return what a piece of work sent to other peers; what a stage posts to itself is given to its next piece."""
    messages = [effect.envelope.message for effect in effects if isinstance(effect, Send)]
    return tuple(message for message in messages if not isinstance(message, Control))


def fingerprints(stage: Peer, message: Message, effects: Sequence[Effect]) -> list[Fingerprint]:
    """Return the fingerprints of a piece of a stage's work, and, if it has finished a step, of the state after it.

    The state is weights, optimizer slots, running state and stash, whether it is committed or not. The costs are
    recorded themselves, and the outbox depends on who has committed what. Of the replicas of a stage, the first one has
    the pieces that all of them repeat: W, the update and the state.
    """
    if replica_of(stage.address) and not isinstance(message, Forward | Backward):
        return []
    number, latest = stage.address.number or 0, stage.latest
    kind = f"{message.kind} {message.replica}" if isinstance(message, Rows) else message.kind
    place = Place(number, kind, message.step, message.microbatch)
    found = [Fingerprint(place, _hash(message), _hash(*sent(effects)))]
    if latest is not None and latest.step == message.step + 1:
        state: StageState = latest.state
        found.append(Fingerprint(Place(number, STATE, latest.step, WHOLE_STEP), "", _hash(state.layers, state.stash)))
    return found


def _size(value: Any) -> int:
    """Return the bytes of all arrays in a value."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, tuple | list):
        return sum(map(_size, value))
    return sum(_size(getattr(value, each.name)) for each in fields(value)) if is_dataclass(value) else 0


def _hash(*values: Any) -> str:
    digest = blake2b(digest_size=8)
    for value in values:
        _update(digest, value)
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    """Add a value: arrays with dtype and shape, messages and states field by field, all else as Python writes it.

    Left out of a message are its run and its edge: they are names, and a resumed run has another.
    """
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str} {value.shape}\n".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif isinstance(value, Mapping):
        for name in sorted(value):
            digest.update(f"{name}\n".encode())
            _update(digest, value[name])
    elif isinstance(value, tuple | list):
        for each in value:
            _update(digest, each)
    elif is_dataclass(value):
        digest.update(f"{type(value).__name__}\n".encode())
        for each in fields(value):
            if each.name not in ("run", "edge"):
                _update(digest, getattr(value, each.name))
    else:
        digest.update(f"{value!r}\n".encode())
