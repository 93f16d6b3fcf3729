"""What is said of a failure that is kept, as values that are written and read as JSON; its arrays: `failure_files`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict

from annex_actors.base.types import Array
from annex_actors.protocol.messages import Backward, Forward, Message, Part, Target, WeightGradient, WithArray
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.replicas import GradientRows, Rows, Share, WeightRows
from annex_actors.runtimes.handed_over import Failure


class _Record(BaseModel):
    # A norm or a penalty need not be finite where a layer has failed.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


class PartRecord(_Record):
    """See `Part`."""

    microbatches: int
    samples: int
    rate_factor: float
    penalty: float


class MessageRecord(_Record):
    """A message without its arrays.

    Args:
        kind: such as ``forward``.
        step: from 0.
        microbatch: from 0; -1 for a message about a whole step.
        edge: on which it travelled.
        arrays: how many it has.
        part: of a forward.
        number: of a message about a norm; of one from another replica the cost, or the number of the replica.
        counts: of a message from another replica, see `Share`.
    """

    kind: str
    step: int
    microbatch: int
    edge: int
    arrays: int = 0
    part: PartRecord | None = None
    number: float | None = None
    counts: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return the record of a message."""
        part = getattr(message, "part", None)
        counts = message.counts if isinstance(message, Share) else ()
        return cls(
            kind=message.kind,
            step=message.step,
            microbatch=message.microbatch,
            edge=message.edge,
            arrays=len(message.stack) if isinstance(message, WithArray) else 0,
            part=part and PartRecord(**{name: getattr(part, name) for name in PartRecord.model_fields}),
            number=_number(message),
            counts=counts,
        )

    def message(self, arrays: Sequence[Array]) -> Message:
        """Return the message with these arrays.

        Raises:
            ValueError: no stage is given such a message.
        """
        head = "", self.step, self.microbatch, self.edge
        match self.kind:
            case Forward.kind if self.part is not None and arrays:
                return Forward(*head, arrays[0], Part(**self.part.model_dump()), tuple(arrays[1:]))
            case Backward.kind if arrays:
                return Backward(*head, arrays[0], tuple(arrays[1:]))
            case Target.kind if arrays:
                return Target(*head, arrays[0], arrays[1] if len(arrays) > 1 else None)
            case Share.kind if self.part is not None and self.number is not None and arrays:
                part = Part(**self.part.model_dump())
                return Share(*head, arrays[0], part, self.number, tuple(arrays[1:]), self.counts)
            case GradientRows.kind if self.number is not None and arrays:
                return GradientRows(*head, arrays[0], int(self.number), tuple(arrays[1:]))
            case WeightRows.kind if self.number is not None and arrays:
                return WeightRows(*head, arrays[0], int(self.number), tuple(arrays[1:]))
            case WeightGradient.kind:
                return WeightGradient(*head)
            case SquaredNorm.kind if self.number is not None:
                return SquaredNorm(*head, self.number)
            case GlobalNorm.kind if self.number is not None:
                return GlobalNorm(*head, self.number)
        raise ValueError(f"expected a message of a stage, got {self.kind}")


def _number(message: Message) -> float | None:
    match message:
        case SquaredNorm() | GlobalNorm():
            return message.number
        case Share():
            return message.cost
        case Rows():
            return message.replica
    return None


class FailureRecord(_Record):
    """A failure of a layer.

    Args:
        number: which failure of the run it was among those that are kept, from 1.
        layer: the index of the layer; the cost counts as the layer after the last.
        work: what it was doing, such as ``forward``.
        error: one line.
        traceback: the whole text; empty where the layer's process ended.
        stage: the stage that has the layer, from 0, of ``stages``, all replicas of each counted.
        stages: how many there were.
        version: how many steps the weights of the stage had.
        message: what it was given.
        before: what the stage had been given before, of steps that it had not finished.
        versions: how many older versions of its weights the stage had for messages under way.
        has_arrays: whether there are arrays beside.
    """

    number: int
    layer: int
    work: str
    error: str
    traceback: str
    stage: int
    stages: int
    version: int
    message: MessageRecord
    before: tuple[MessageRecord, ...]
    versions: int
    has_arrays: bool

    @classmethod
    def of(cls, failure: Failure, layer: int, stage: int, stages: int, number: int) -> Self:
        """Return the record of a failure; for the arguments see the class."""
        given = failure.given
        return cls(
            number=number,
            layer=layer,
            work=failure.work.replace(" ", "_"),
            error=failure.error,
            traceback=failure.traceback,
            stage=stage,
            stages=stages,
            version=given.snapshot.step,
            message=MessageRecord.of(given.message),
            before=tuple(map(MessageRecord.of, given.before)),
            versions=len(given.snapshot.state.stash),
            has_arrays=given.is_whole,
        )

    @property
    def has_raised(self) -> bool:
        """Whether the layer has raised, and its process did not just end."""
        return self.traceback != ""

    @property
    def name(self) -> str:
        """The name of its files, without an ending."""
        message = self.message
        place = f"layer-{self.layer}-{self.work}-step-{message.step}"
        return place if message.microbatch < 0 else f"{place}-microbatch-{message.microbatch}"
