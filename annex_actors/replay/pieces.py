"""Which pieces of a run are to be replayed, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.base.words import counted
from annex_actors.data import microbatch_slices
from annex_actors.peers.stage import StageSpec
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.protocol.messages import WHOLE_STEP, Backward, Forward, Message, WeightGradient, WithArray
from annex_actors.runtimes.handed_over import error_line
from annex_actors.runtimes.hosting.own_code import own_traceback

WORK = {kind.kind.replace(" ", "_"): kind for kind in (Forward, Backward, WeightGradient)}
"""The kinds of work by the name that users write."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PieceReport(_Record):
    """A piece that was replayed.

    Args:
        layer: the stage's name for people, such as ``layer 1 relu``.
        work: such as ``forward``.
        step: from 0.
        microbatch: from 0; None for a piece about a whole step.
        given: shape and dtype of each array of its message.
        made: what it sent, and the weights if it finished a step, each on one line.
        fingerprint: of the weights, or else of what it sent, or else, where it made neither, of what it was given.
        recorded: the same as the run has recorded it; None: not recorded.
    """

    layer: str
    work: str
    step: int
    microbatch: int | None
    given: tuple[str, ...]
    made: tuple[str, ...] = ()
    fingerprint: str | None = None
    recorded: str | None = None

    @property
    def place(self) -> str:
        """Which piece it is: ``forward at step 7 microbatch 1``."""
        microbatch = "" if self.microbatch is None else f" microbatch {self.microbatch}"
        return f"{self.work.replace('_', ' ')} at step {self.step}{microbatch}"


class FailureReport(_Record):
    """How a piece failed when it was replayed.

    Args:
        error: one line.
        traceback: of the layer's own exception, without the machinery's frames; None: no code has failed.
        is_recorded: whether the run has recorded this error.
    """

    error: str
    traceback: str | None
    is_recorded: bool

    @classmethod
    def of(cls, error: Exception, recorded: Iterable[str]) -> Self:
        """Return the report of an error, given those that the run has recorded."""
        line = error_line(error)
        trace = None if isinstance(error, UserError) else own_traceback(error)  # a mistake is no failure of code
        return cls(error=line, traceback=trace, is_recorded=any(line in each for each in recorded))


class ReplayReport(_Record):
    """What a replay came to; ``--json`` prints it.

    Args:
        run_dir: the run's folder.
        begins: where it began, such as ``checkpoint at step 5``.
        pieces: those that were asked for.
        pieces_equal: how many pieces and states, on the way and of those asked for, are equal to what is recorded.
        costs_equal: how many steps have the recorded cost.
        checkpoints_equal: the steps of the checkpoints that are equal.
        difference: the first one; None: there is none.
        failure: of the last piece; None: none has failed.
        recorded_failure: the error that the run recorded, if the failure of a run was asked for.
    """

    run_dir: str
    begins: str
    pieces: tuple[PieceReport, ...]
    pieces_equal: int = 0
    costs_equal: int = 0
    checkpoints_equal: tuple[int, ...] = ()
    difference: str | None = None
    failure: FailureReport | None = None
    recorded_failure: str | None = None

    @property
    def is_equal(self) -> bool:
        """Whether all is as the run recorded it; a failure that does not come again is the fault of something else."""
        return self.difference is None and (self.failure is None or self.failure.is_recorded)


@dataclass(frozen=True, slots=True)
class Selection:
    """The pieces of one step, of one layer or of all, of one microbatch or of all.

    Args:
        step: from 0.
        layer: index in the whole network, the cost is the last; None: all.
        microbatch: from 0; None: all, and the work on the whole step.
        work: a name of `WORK`; None: all.

    Raises:
        ConfigError: a value out of range, or an unknown kind of work.
    """

    step: int
    layer: int | None = None
    microbatch: int | None = None
    work: str | None = None

    def __post_init__(self) -> None:
        checks.whole_number("step", self.step, at_least=0)
        if self.layer is not None:
            checks.whole_number("layer", self.layer, at_least=0)
        if self.microbatch is not None:
            checks.whole_number("microbatch", self.microbatch, at_least=0)
        if self.work is not None and self.work not in WORK:
            checks.unknown("work", self.work, WORK)

    def check(self, trainer: TrainerSpec, layers: int) -> None:
        """Refuse pieces that the run does not have.

        Args:
            trainer: of the run.
            layers: how many the network has, the cost included.

        Raises:
            ConfigError: the message says what there is.
        """
        if self.layer is not None and self.layer >= layers:
            what = f"expected `layer` to be an integer from 0 to {layers - 1}, which is the cost"
            raise ConfigError(f"{what}, got {self.layer}")
        if self.step >= trainer.steps:
            what = f"expected `step` to be one of the run's {counted(trainer.steps, 'step')}, from 0"
            raise ConfigError(f"{what}, got {self.step}")
        parts = len(microbatch_slices(trainer.batches.size(self.step), trainer.microbatches))
        if self.microbatch is not None and self.microbatch >= parts:
            what = f"expected `microbatch` to be one of the {parts} of step {self.step}, from 0"
            raise ConfigError(f"{what}, got {self.microbatch}")

    def has(self, stage: StageSpec, message: Message) -> bool:
        """Return whether a stage's work on a message is one of the pieces."""
        if message.step != self.step or (self.work and not isinstance(message, WORK[self.work])):
            return False
        if self.layer is not None and self.layer not in layers_of(stage):
            return False
        whole = message.microbatch == WHOLE_STEP and self.work is not None
        return whole or self.microbatch in (None, message.microbatch)


def layers_of(stage: StageSpec) -> range:
    """Return the indices of a stage's layers; the cost counts as the last one."""
    return range(stage.first_layer, stage.first_layer + len(stage.parts))


def piece_of(stage: StageSpec, message: Message) -> PieceReport:
    """Return what is known of a piece before it is done."""
    return PieceReport(
        layer=stage.label,
        work=message.kind.replace(" ", "_"),
        step=message.step,
        microbatch=None if message.microbatch == WHOLE_STEP else message.microbatch,
        given=arrays_of(message),
    )


def arrays_of(message: Message) -> tuple[str, ...]:
    """Return shape and dtype of each array of a message."""
    stack = message.stack if isinstance(message, WithArray) else ()
    return tuple(f"{array.shape} {array.dtype}" for array in stack)


def weights_line(steps: int) -> str:
    """Return the line of weights that were made."""
    return f"weights after {counted(steps, 'step')}"


def sent_lines(messages: Sequence[Message]) -> tuple[str, ...]:
    """Return a line for each message that was sent."""
    return tuple(" ".join([message.kind, *arrays_of(message)]) for message in messages)
