"""What a trace is made of: pieces of work, messages, and times without work."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.protocol.messages import Address
from annex_actors.runtimes.hosting.heartbeat import START

LETTERS = {"forward": "F", "backward": "B", "weight gradient": "W", "predict": "P", START: "S"}
"""What a piece of work is called in drawings, by the kind of its message."""

CONTROL = frozenset({"committed", "await", "resume", "marker"})


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work: of ``peer`` on a message of this kind, from ``start`` to ``end`` in seconds of the run's clock.

    Args:
        peer: its address.
        kind: of the message.
        step: from 0.
        microbatch: from 0; -1 for a whole step.
        start: when it began.
        end: when its messages were sent and its commit was made.
        incarnation: of the peer, as the store counts.
        version: how many steps the peer had finished: of a stage, the version of its weights.
        mailbox: how many messages waited in the mailbox when it began, this one not counted.
        credit: how many more forwards the schedule allowed when it began; None for what is no work on a step.
        bytes: of the message's arrays.
    """

    peer: Address
    kind: str
    step: int
    microbatch: int
    start: float
    end: float
    incarnation: int
    version: int
    mailbox: int = 0
    credit: int | None = None
    bytes: int = 0

    @property
    def letter(self) -> str:
        """F, B, W or P; C for a message about commits, S for a start, a dot for any other."""
        return LETTERS.get(self.kind, "C" if self.kind in CONTROL else "·")

    @property
    def on_step(self) -> bool:
        """Whether it is F, B or W."""
        return self.letter in "FBW"


@dataclass(frozen=True, slots=True)
class Flow:
    """A message: from one peer to another; ``sent`` and ``received`` in seconds of the run's clock.

    ``received`` is None where it was lost with the incarnation that should have had it, or was sent at the very end;
    ``sent`` is None where the sender is none of the run's peers.
    """

    kind: str
    sender: Address
    to: Address
    step: int
    microbatch: int
    bytes: int
    sent: float | None
    received: float | None
    incarnation: int


@dataclass(frozen=True, slots=True)
class Idle:
    """A time in which a peer did nothing, before a piece of work on ``kind``, ``step`` and ``microbatch``.

    The three are None after the last piece.
    """

    peer: Address
    start: float
    end: float
    reason: str
    kind: str | None = None
    step: int | None = None
    microbatch: int | None = None
