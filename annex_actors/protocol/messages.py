"""The messages between the stages and the trainer that feeds them.

Every message is immutable, names its run, step, microbatch and edge, and prints on one line. `routing` says which peers
are at the ends of an edge. A message about a whole step has ``microbatch`` -1.

An array that is sent belongs to the receiver. It is C-contiguous, and read-only from then on, on every runtime. So two
actors of one process may hold the same immutable array, as two processes on the BEAM hold the same large binary.

The class of a message says what its kind means to retention, routing, heartbeats and logs. So a new kind is one class,
`made_often`, with its fields, its `kind` and the traits in which it differs, and a behaviour that handles it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from annex_actors.base.types import Array, Floats, is_writable, made_often, stored_directly
from annex_actors.base.words import counted


class Address(NamedTuple):
    """The name of a peer; as text ``stage-3`` or ``trainer``.

    A tuple, since addresses are hashed and compared for every message, and nothing else does that as fast.

    Args:
        role: what the peer is.
        number: its index among the peers of this role, from 0; None where there is only one.
    """

    role: str
    number: int | None = None

    def __str__(self) -> str:
        return self.role if self.number is None else f"{self.role}-{self.number}"


OWNER = Address("owner")
"""The program that started the run: the sender of `Halt` and `Ask`, and the receiver of `Answer`."""

Edge: TypeAlias = int
"""An edge of the network. It is a number, but only `routing` computes with it; a stage gets its edges by name."""

WHOLE_STEP = -1
"""The microbatch of a message about a whole step."""


@made_often
@dataclass(frozen=True, slots=True)
class Part:
    """The step of a microbatch: what a stage must know to weight it, to recognise the end of the step, and to update.

    Args:
        microbatches: how many the step has, >= 1; ``samples``: how many samples they hold in total.
        rate_factor: what the learning rate of the step is multiplied by.
        penalty: what the weights of the layers so far cost, added up in their order.
    """

    microbatches: int
    samples: int
    rate_factor: float = 1.0
    penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class Message:
    """What every message carries, and the traits of its kind.

    Args:
        run: the run's name.
        step: from 0.
        microbatch: from 0; `WHOLE_STEP` for a message about a whole step.
        edge: the edge of the network on which it travels.
    """

    kind: ClassVar[str]
    """The kind's name, as users and logs write it."""

    is_kept: ClassVar[bool] = False
    """Whether the sender keeps it until the receiver has committed its step: a restarted receiver needs it again."""

    is_work: ClassVar[bool] = False
    """Whether it is a piece of work on a step: F, B or W."""

    goes_back: ClassVar[bool] = False
    """Whether it travels against its edge, as gradients do."""

    run: str
    step: int
    microbatch: int
    edge: Edge

    def __str__(self) -> str:
        """Return one line: the kind, the place in the stream, and the shape, dtype and bytes of an array."""
        return f"{self.kind} {self.place} edge {self.edge}{self._payload()}"

    @property
    def nbytes(self) -> int:
        """The size of its arrays."""
        return 0

    @property
    def place(self) -> str:
        """Its place in the stream: ``step 7 microbatch 2``."""
        return f"step {self.step}" + ("" if self.microbatch == WHOLE_STEP else f" microbatch {self.microbatch}")

    def _payload(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class WithArray(Message):
    """A message with arrays: activations, gradients or targets of one microbatch."""

    array: Array

    @property
    def stack(self) -> tuple[Array, ...]:
        """All arrays: ``array``, then the skips that pass by it, if the kind has any."""
        return (self.array,)

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        return self.array.nbytes

    def _payload(self) -> str:
        shapes = " ".join(f"{array.shape} {array.dtype}" for array in self.stack)
        return f" {shapes} {counted(self.nbytes, 'byte')}"


class _Stacked(WithArray):
    """A message with a stack of arrays: on top what a layer works on, below it what skips the layer."""

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


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Forward(_Stacked):
    """An activation on its way to the next stage, ``(samples, *shape)``, and the skips that pass by it."""

    kind = "forward"
    is_kept = True
    is_work = True

    array: Floats
    part: Part
    skips: tuple[Floats, ...] = ()


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Target(WithArray):
    """The targets of a microbatch, as the cost encodes them; the last stage compares its output with them.

    With ``sample_weight``, what each sample counts, as `Cost.evaluate` takes it: float64, shape ``(microbatch,)``.
    """

    kind = "target"
    is_kept = True

    array: Array
    sample_weight: Floats | None = None

    @property
    def stack(self) -> tuple[Array, ...]:
        """The targets, and the weights if there are any."""
        return (self.array,) if self.sample_weight is None else (self.array, self.sample_weight)

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        return self.array.nbytes if self.sample_weight is None else self.array.nbytes + self.sample_weight.nbytes


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Backward(_Stacked):
    """The gradient of the cost with respect to the arrays of a `Forward`, of the same shapes, on its way back."""

    kind = "backward"
    is_kept = True
    is_work = True
    goes_back = True

    array: Floats
    skips: tuple[Floats, ...] = ()


@made_often
@dataclass(frozen=True, slots=True)
class WeightGradient(Message):
    """A stage's message to itself about a weight gradient that it has deferred."""

    kind = "weight gradient"
    is_work = True


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Predict(_Stacked):
    """An activation of a prediction or an evaluation; on edge ``S`` it is the network's output.

    Its ``step`` is the version of the weights that it meets at every stage; ``penalty`` is as of a `Part`. It is not
    kept: the trainer sends lost ones again, so that the evaluation of a large data set needs no memory elsewhere.
    """

    kind = "predict"

    array: Floats
    skips: tuple[Floats, ...] = ()
    penalty: float = 0.0


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Ask(WithArray):
    """Samples to predict for, any number of them, from the owner of the run to the predictor.

    Its ``microbatch`` is the number of its first chunk; the chunks of all samples ever asked about have numbers of
    their own, by which outputs find the samples that they belong to, whichever incarnation sent those.
    """

    kind = "ask"


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Answer(WithArray):
    """The outputs for the samples of an `Ask`, under its number, from the predictor to the owner of the run."""

    kind = "answer"


@made_often
@dataclass(frozen=True, slots=True)
class Report(Message):
    """The cost of a step, the mean over its batch, from the last stage to the trainer."""

    kind = "report"
    is_kept = True

    cost: float
    samples: int

    def _payload(self) -> str:
        return f" cost {self.cost:.6g}"


@dataclass(frozen=True, slots=True)
class Control(Message):
    """A message about commits and restarts, without data; a node handles it before its behaviour does."""


@made_often
@dataclass(frozen=True, slots=True)
class Committed(Control):
    """I have committed every step below ``step``: drop what you keep for me of those."""

    kind = "committed"


@made_often
@dataclass(frozen=True, slots=True)
class Await(Control):
    """Send me `Committed` once you have committed every step below ``step``."""

    kind = "await"


@made_often
@dataclass(frozen=True, slots=True)
class Resume(Control):
    """I was restarted and have committed every step below ``step``: send me again what belongs to later steps."""

    kind = "resume"


@made_often
@dataclass(frozen=True, slots=True)
class Halt(Control):
    """Feed no further step, and finish those that were fed; from the owner of the run to the trainer."""

    kind = "halt"


@stored_directly
@dataclass(frozen=True, slots=True)
class Envelope:
    """A message and what its receiver must know of the sender.

    Args:
        sender: the peer that sent it.
        incarnation: the number of the sender's incarnation, from 1; messages of a dead incarnation are dropped.
        committed: the sender had committed every step below this one. Since every envelope says so, nearly all
            `Committed` messages are spared: a neighbour learns of a commit with the next activation or gradient.
        message: the message.
    """

    sender: Address
    incarnation: int
    committed: int
    message: Message

    def __str__(self) -> str:
        return f"{self.sender}#{self.incarnation}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        # The sender is pickled as its two parts: naming one more class takes 3 us of every message between processes.
        return _envelope, (*self.sender, self.incarnation, self.committed, self.message)


def _envelope(role: str, number: int | None, incarnation: int, committed: int, message: Message) -> Envelope:
    return Envelope(Address(role, number), incarnation, committed, message)


@made_often
@dataclass(frozen=True, slots=True)
class Post:
    """A message and its receiver, before it is put into an envelope."""

    to: Address
    message: Message


def freeze(array: Array) -> Array:
    """Return ``array`` as it may be sent: C-contiguous, and never written to again.

    A fresh array is marked read-only in place. A view of memory that can still be written to is copied.
    """
    if not array.flags.c_contiguous or (array.base is not None and is_writable(array)):
        array = array.copy(order="C")
    array.setflags(write=False)
    return array
