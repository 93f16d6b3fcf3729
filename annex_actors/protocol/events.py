"""What observers see: immutable facts. Each may reach them more than once, but never out of order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from annex_actors.base.types import stored_directly
from annex_actors.protocol.messages import Address


@dataclass(frozen=True, slots=True)
class Event:
    """The base of every event.

    All figures of a run are computed from these times, never from when an observer hears of an event: events reach an
    observer in bunches while the machine is busy, or while the observer is.

    Args:
        time: when it happened, in seconds of the host's clock: monotonic, and the same in all processes of a machine;
            virtual in a simulation. Of the end of a peer: when its supervisor noticed. 0 until a host has stamped it,
            since peers have no clock. Not compared: an event that is repeated is equal.
    """

    time: float = field(default=0.0, compare=False, kw_only=True)

    def at(self, time: float) -> Self:
        """Return this event with its time, as the host that emits it does."""
        return replace(self, time=time)


@stored_directly
@dataclass(frozen=True, slots=True)
class StepFinished(Event):
    """The cost of a step is known. ``step`` and ``epoch`` count from 0; ``samples`` is the batch's size."""

    step: int
    epoch: int
    cost: float
    samples: int

    def at(self, time: float) -> Self:
        """Return this event with its time; `replace` takes four times as long, and this happens at every step."""
        return type(self)(self.step, self.epoch, self.cost, self.samples, time=time)


@dataclass(frozen=True, slots=True)
class EpochFinished(Event):
    """An epoch was trained and, where there is a validation or test set, evaluated.

    Args:
        epoch: from 0.
        steps: steps trained so far.
        train_cost: mean cost over the epoch's samples, each at the weights of its step.
        test_cost: mean cost over the test set at the weights after the epoch; None without a test set, or if there is a
            validation set, which is evaluated instead.
        metrics: further metrics of the set that was evaluated, by name (``accuracy``, ``r2``).
        seconds: how long the run has taken so far, with the finished epochs from before a resume, by its owner's clock.
            It is committed with the epoch. Not compared.
        validation_cost: mean cost over the validation set, likewise; None without one.
    """

    epoch: int
    steps: int
    train_cost: float
    test_cost: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)
    validation_cost: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluated(Event):
    """The network was evaluated within an epoch; at the end of one, `EpochFinished` says so.

    Args:
        epoch: from 0.
        steps: steps trained so far.
        test_cost: see `EpochFinished`; so the others, at the weights after these steps.
        metrics: by name.
        seconds: not compared.
        validation_cost: None without a validation set.
    """

    epoch: int
    steps: int
    test_cost: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)
    validation_cost: float | None = None


@dataclass(frozen=True, slots=True)
class CheckpointSaved(Event):
    """Every step below ``step`` is on the disk: the run can be resumed from there, whatever is killed."""

    step: int


@dataclass(frozen=True, slots=True)
class CheckpointFailed(Event):
    """A checkpoint could not be written; ``reason`` is one line. The run goes on, and the next one will be tried."""

    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """Every stage has committed every step below ``step``; the run is over."""

    step: int


@dataclass(frozen=True, slots=True)
class PeerStarted(Event):
    """A peer is up.

    Args:
        address: its name.
        label: one line for people.
        incarnation: its number, from 1.
        node: the name of the node that it lives on; empty where the runtime has one machine. Not compared.
    """

    address: Address
    label: str
    incarnation: int
    node: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PeerExited(Event):
    """A peer ended.

    Args:
        address: its name.
        label: one line for people.
        incarnation: the number of the incarnation that ended, from 1.
        reason: why, on one line.
        orderly: whether it was told to stop, and did not fail.
        traceback: the text of the exception that a layer or other code of the user raised, without the frames of the
            machinery; None where no code has failed. Not compared, as ``where``.
        where: the line of the user's code that failed, such as ``mine.py:12 in forward``; None: none, or not known.
    """

    address: Address
    label: str
    incarnation: int
    reason: str
    orderly: bool = False
    traceback: str | None = field(default=None, compare=False, repr=False)
    where: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PeerMoved(Event):
    """A peer is told to move: it ends in order, and its next incarnation starts on a ``worker``, thread or process."""

    address: Address
    label: str
    worker: str


@dataclass(frozen=True, slots=True)
class PeerAbandoned(Event):
    """A peer could not be stopped: it was fenced off and left behind."""

    address: Address
    label: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class PeerHung(Event):
    """A peer hangs: it has spent more than ``limit_s`` seconds at ``place``, or not answered; it will be ended.

    Its ``node`` is as of `PeerStarted`.
    """

    address: Address
    label: str
    incarnation: int
    place: str
    limit_s: float
    node: str = field(default="", compare=False)
