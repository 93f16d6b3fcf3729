"""What is seen at one point of a walk: values alone, which terminal, page and tests look at alike.

Everything is immutable, and belongs to no peer: a point stays as it is whatever the walk does next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Judgement: TypeAlias = Literal["next", "allowed", "held"]
"""Of a message in a mailbox: the peer takes it next, it may be taken by hand, or something keeps it back."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """An array.

    Args:
        name: of the array, where it has one.
        shape: in full.
        dtype: its name.
        norm: the square root of the sum of its squares, in float64.
        first: the first numbers, at most four.
        hash: the first 8 hex digits of the SHA-256 of its bytes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    norm: float
    first: tuple[float, ...]
    hash: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message.

    Args:
        kind: its kind, such as ``forward``.
        step: from 0.
        microbatch: from 0; None of a message about a whole step.
        piece: the work that it asks of a stage, such as ``F0.1``; empty where it is no work.
        version: the version of the weights that it meets at its receiver; None where it meets none.
        text: one line: kind, place, edge and payload.
        arrays: what it carries.
    """

    kind: str
    step: int
    microbatch: int | None
    piece: str
    version: int | None
    text: str
    arrays: tuple[Numbers, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in a mailbox: what becomes of it, why, and the move that takes it, where there is one."""

    letter: Letter
    verdict: Judgement
    why: str
    move: str | None


@dataclass(frozen=True, slots=True)
class Channel:
    """What is on its way from one peer to another, the oldest first, and the move that delivers it.

    Args:
        sender: the sender.
        to: the receiver.
        letters: for each message the sender's incarnation, how many steps it had committed, and the message.
        move: delivers the first one.
    """

    sender: str
    to: str
    letters: tuple[tuple[int, int, Letter], ...]
    move: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the weights that a stage keeps: after how many steps, and the arrays, named as in a checkpoint."""

    number: int
    arrays: tuple[Numbers, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a stage keeps of a microbatch for later work.

    Args:
        step: of the microbatch.
        microbatch: from 0.
        of: ``activations`` that B needs, or ``factors`` that W needs.
        version: of the weights that F met and that B will meet; None where B is done.
        arrays: named by their layer.
    """

    step: int
    microbatch: int
    of: Literal["activations", "factors"]
    version: int | None
    arrays: tuple[Numbers, ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that a peer has sent and keeps until its receiver has committed the step."""

    to: str
    letter: Letter


@dataclass(frozen=True, slots=True)
class Limits:
    """What a schedule allows a stage: microbatches in flight and their credit, those whose W is deferred and their cap.

    ``credit`` and ``cap`` are those of the newest step that the stage knows of; None where it knows none, and where the
    schedule has no cap.
    """

    in_flight: int
    credit: int | None
    deferred: int
    cap: int | None


@dataclass(frozen=True, slots=True)
class PeerPoint:
    """A peer.

    Args:
        address: its name, such as ``stage-1``.
        label: one line for people.
        layer: the number of its first layer; None of others than stages.
        incarnation: from 1.
        committed: every step below this one is committed; for a stage also the version of its newest weights there.
        finished: every step below this one is done; more than ``committed`` where not each step is committed.
        waits_for: what has to come before it has work again; None: nothing, or it has work.
        mailbox: what it has received and not handled, in the order in which it would be looked at.
        limits: of a stage; else None.
        versions: of the weights, of a stage, the newest last.
        saved: what a stage keeps of microbatches under way.
        outbox: what it has sent and keeps.
        fed: how many steps the trainer has fed; None of others.
    """

    address: str
    label: str
    layer: int | None
    incarnation: int
    committed: int
    finished: int
    waits_for: str | None
    mailbox: tuple[Waiting, ...]
    limits: Limits | None
    versions: tuple[Version, ...]
    saved: tuple[Saved, ...]
    outbox: tuple[Outgoing, ...]
    fed: int | None


@dataclass(frozen=True, slots=True)
class Deed:
    """An effect that was carried out: what it was, on one line, and the message that was sent, if one was."""

    verb: Literal["sent", "committed", "said"]
    text: str
    letter: Letter | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What the last move did.

    Args:
        move: the move.
        peer: the peer that worked, received or was killed.
        letter: what it handled or received; None: nothing.
        deeds: its effects, in order.
        events: what became of peers, and of the run, one line each.
    """

    move: str
    peer: str
    letter: Letter | None
    deeds: tuple[Deed, ...]
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A move that is possible now: its text, and a line for people. The first choice is what `forward` does."""

    move: str
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """All that is seen at one point of a walk.

    Args:
        number: how many moves lead here.
        length: how many the walk has; more than ``number`` after going back.
        schedule: its name.
        rule: what it does, on one line.
        microbatches: of a step.
        done: what the last move did; None at the beginning.
        peers: stages, reader and trainer, in the order of the network.
        channels: what is on its way.
        choices: what can be done now; none where the run is over.
        costs: of the steps so far.
        state: ``goes on``, ``finished`` or ``failed``.
        failure: why it has failed.
        weights_sha256: of all weights in the last commits of all stages, once the run is finished; else None.
    """

    number: int
    length: int
    schedule: str
    rule: str
    microbatches: int
    done: Done | None
    peers: tuple[PeerPoint, ...]
    channels: tuple[Channel, ...]
    choices: tuple[Choice, ...]
    costs: tuple[float, ...]
    state: Literal["goes on", "finished", "failed"]
    failure: str | None
    weights_sha256: str | None

    def peer(self, address: str) -> PeerPoint:
        """Return the peer of this address."""
        return next(each for each in self.peers if each.address == address)
