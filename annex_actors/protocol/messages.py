"""What stages, and the trainer that feeds them, say to each other.

Every message is immutable, names its run, step, microbatch and edge, and prints on one line. `routing` says which peers
are at the ends of an edge. A message about a whole step has ``microbatch`` -1.

An array that is sent is the receiver's: C-contiguous, and read-only from then on, on every runtime. Two actors of one
process may thus hold the same immutable array, as two processes on the BEAM hold the same large binary; nobody can
write to it.

The class of a message says what its kind means to retention, routing, heartbeats and logs. So a new kind is one class,
with its fields, its `kind` and the traits that differ from those of `Message`, and a behaviour that handles it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from annex_actors.base.types import Array, Floats, is_writable, pickled_by_fields


class Address(NamedTuple):
    """The name of a peer; as text ``stage-3`` or ``trainer``.

    A tuple, since addresses are hashed and compared for every message, and no other value does that as fast.

    Args:
        role: what the peer is.
        number: which one of its role, from 0; None where there is only one.
    """

    role: str
    number: int | None = None

    def __str__(self) -> str:
        return self.role if self.number is None else f"{self.role}-{self.number}"


OWNER = Address("owner")
"""The program that started the run: the sender of `Halt`."""

Edge: TypeAlias = int
"""An edge of the network: a number, but only `routing` computes with it, and gives each stage its edges by name."""

WHOLE_STEP = -1


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class Part:
    """How a step was cut: what a stage must know to weight a microbatch and to see the end of the step.

    Args:
        microbatches: how many microbatches the step has, >= 1.
        samples: how many samples they hold together.
    """

    microbatches: int
    samples: int


@dataclass(frozen=True, slots=True)
class Message:
    """What every message carries, and the traits of its kind.

    Args:
        run: the run's name.
        step: from 0.
        microbatch: from 0; `WHOLE_STEP` for a message about a whole step.
        edge: which edge of the network it travels on.
    """

    kind: ClassVar[str]
    """The kind's name, as users and logs write it."""

    is_kept: ClassVar[bool] = False
    """Whether the sender keeps it until the receiver has committed its step, since the receiver may need it again."""

    is_work: ClassVar[bool] = False
    """Whether it stands for a piece of work on a step: F, B or W."""

    goes_back: ClassVar[bool] = False
    """Whether it travels against its edge, as gradients do."""

    run: str
    step: int
    microbatch: int
    edge: Edge

    def __str__(self) -> str:
        """Return one line: kind, place in the stream, and for an array its shape, dtype and bytes."""
        place = f"step {self.step}" + ("" if self.microbatch == WHOLE_STEP else f" microbatch {self.microbatch}")
        return f"{self.kind} {place} edge {self.edge}{self._payload()}"

    def _payload(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class WithArray(Message):
    """A message with arrays: activations, gradients or targets of one microbatch."""

    array: Array

    @property
    def stack(self) -> tuple[Array, ...]:
        """All arrays: ``array``, and below it the skips that pass by, where the kind has any."""
        return (self.array,)

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        return self.array.nbytes

    def _payload(self) -> str:
        shapes = " ".join(f"{array.shape} {array.dtype}" for array in self.stack)
        return f" {shapes} {self.nbytes:,} bytes"


class _Stacked(WithArray):
    """A message with a stack of arrays: what a layer works on is on top, what skips it below."""

    __slots__ = ()
    skips: tuple[Floats, ...]

    @property
    def stack(self) -> tuple[Floats, ...]:
        """All arrays, the top first."""
        return (self.array, *self.skips)

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        size = self.array.nbytes
        return size + sum(skip.nbytes for skip in self.skips) if self.skips else size


@pickled_by_fields
@dataclass(frozen=True, slots=True, eq=False)
class Forward(_Stacked):
    """An activation on its way to the next stage, ``(microbatch, *shape)``, and the skips that pass by."""

    kind = "forward"
    is_kept = True
    is_work = True

    array: Floats
    part: Part
    skips: tuple[Floats, ...] = ()


@pickled_by_fields
@dataclass(frozen=True, slots=True, eq=False)
class Target(WithArray):
    """What the last stage compares a microbatch's output with, as the cost encoded it."""

    kind = "target"
    is_kept = True


@pickled_by_fields
@dataclass(frozen=True, slots=True, eq=False)
class Backward(_Stacked):
    """The cost's gradient with respect to the arrays of a `Forward`, on its way back: shaped as they are."""

    kind = "backward"
    is_kept = True
    is_work = True
    goes_back = True

    array: Floats
    skips: tuple[Floats, ...] = ()


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class WeightGradient(Message):
    """A stage's reminder to itself: the weight gradient that it deferred."""

    kind = "weight gradient"
    is_work = True


@pickled_by_fields
@dataclass(frozen=True, slots=True, eq=False)
class Predict(_Stacked):
    """An activation without a cost: for predictions and evaluation; on edge ``S`` it is the network's output.

    Its ``step`` is its place in the stream: it takes the weights that a `Forward` of that step would take. It is not
    kept: the trainer asks again for those that do not come back, so that evaluating a large data set keeps nothing.
    """

    kind = "predict"

    array: Floats
    skips: tuple[Floats, ...] = ()


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class Report(Message):
    """The cost of a step, from the last stage to the trainer: the mean over the batch."""

    kind = "report"
    is_kept = True

    cost: float
    samples: int

    def _payload(self) -> str:
        return f" cost {self.cost:.6g}"


@dataclass(frozen=True, slots=True)
class Control(Message):
    """What a node handles itself before its behaviour learns of it: about commits and restarts, and not data."""


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class Committed(Control):
    """I have committed every step below ``step``: forget what you keep for me of those."""

    kind = "committed"


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class Await(Control):
    """Send me `Committed` once you have committed every step below ``step``."""

    kind = "await"


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class Resume(Control):
    """I was restarted and have committed every step below ``step``: send me again what is not older."""

    kind = "resume"


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class Halt(Control):
    """Feed no further step, and finish with those that were fed; the owner of the run tells the trainer."""

    kind = "halt"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message and what a receiver must know of its sender.

    Args:
        sender: who sent it.
        incarnation: which life of the sender, from 1; a dead life's messages are dropped.
        committed: the sender had committed every step below this one. Riding on every envelope it spares nearly all
            `Committed` messages: a neighbour hears of a commit with the next activation or gradient.
        message: the message.
    """

    sender: Address
    incarnation: int
    committed: int
    message: Message

    def __str__(self) -> str:
        return f"{self.sender}#{self.incarnation}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        # The sender goes as its two parts: to name one more class takes 3 us of every message between processes.
        return _envelope, (*self.sender, self.incarnation, self.committed, self.message)


def _envelope(role: str, number: int | None, incarnation: int, committed: int, message: Message) -> Envelope:
    return Envelope(Address(role, number), incarnation, committed, message)


@pickled_by_fields
@dataclass(frozen=True, slots=True)
class Post:
    """A message and its receiver, not yet in an envelope."""

    to: Address
    message: Message


def freeze(array: Array) -> Array:
    """Return ``array`` as the receiver may have it: C-contiguous, and never written again by anybody.

    A fresh array is marked read-only in place. A view of memory that somebody may still write to is copied.
    """
    if not array.flags.c_contiguous or (array.base is not None and is_writable(array)):
        array = array.copy(order="C")
    array.flags.writeable = False
    return array
