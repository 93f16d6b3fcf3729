"""Signals: what reaches an actor ahead of its messages, and the exceptions by which it leaves its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supervisors.reasons import NORMAL, Reason

if TYPE_CHECKING:
    import pykka

    from supervisors.cell import Cell


@dataclass(frozen=True, slots=True)
class StopSignal:
    """The parent asks the actor to stop in order; trapping does not help against it."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class ExitSignal:
    """Somebody the actor is linked to has ended, or somebody asks it to end.

    Args:
        sender: whose end it is.
        reason: why.
        linked: False when it was sent on purpose and needs no link.
    """

    sender: Cell | None
    reason: Reason
    linked: bool = True


@dataclass(frozen=True, slots=True)
class KillSignal:
    """The actor is to end before it handles another message."""


@dataclass(frozen=True, slots=True)
class Down:
    """The message a monitor gives, once.

    Args:
        ref: who ended.
        reason: why; `NOPROC` when it had ended before it was monitored.
        monitor: what `Actor.monitor` returned.
    """

    ref: pykka.ActorRef[Any]
    reason: Reason
    monitor: object


@dataclass(frozen=True, slots=True)
class Exit:
    """The message that an exit signal becomes for an actor that traps exits.

    Args:
        ref: who ended or asked; None when it was not an actor.
        reason: why.
    """

    ref: pykka.ActorRef[Any] | None
    reason: Reason


class Leave(BaseException):
    """Raised in the actor's own thread to end it with ``reason``; no `Exception`, so that handlers let it pass."""

    def __init__(self, reason: Reason = NORMAL) -> None:
        super().__init__(reason)
        self.reason = reason


class Kill(BaseException):
    """Raised in the actor's thread from outside: the third step of the kill ladder."""


def takes_effect(signal: ExitSignal, *, from_self: bool) -> bool:
    """Return whether an exit signal ends an actor that does not trap exits, rather than being dropped.

    Source:
        Erlang/OTP reference manual, "Processes": receiving exit signals.
    """
    return signal.reason != NORMAL or from_self
