"""What reaches an actor ahead of its messages, and the exceptions by which it leaves its own code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pykka

from supervisors.rules.reasons import NORMAL, Reason, as_reason

# Signals are compared by identity: a mailbox removes one in a single step, while other threads append more.


@dataclass(frozen=True, slots=True, eq=False)
class StopSignal:
    """The parent's request to stop in order; trapping exits does not help against it."""

    reason: Reason


@dataclass(frozen=True, slots=True, eq=False)
class ExitSignal:
    """The end of a linked actor, or a request to end.

    Args:
        sender: identifies the actor that has ended or asks, among the receiver's links; None when it is no actor.
        ref: its reference, for the receiver's own code.
        reason: why.
        linked: whether it counts only while the receiver is linked to ``sender``.
    """

    sender: object
    ref: pykka.ActorRef[Any] | None
    reason: Reason
    linked: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class KillSignal:
    """The order to end before another message is handled."""


@dataclass(frozen=True, slots=True)
class Down:
    """The message of a monitor, sent once.

    Args:
        ref: the actor that has ended.
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
        ref: the actor that has ended or asks; None when it is no actor.
        reason: why.
    """

    ref: pykka.ActorRef[Any] | None
    reason: Reason


class ExitNow(BaseException):
    """Ends the actor with ``reason``, any value, when raised in its own thread.

    No `Exception`, so that handlers let it pass.
    """

    def __init__(self, reason: object = NORMAL) -> None:
        super().__init__(reason)
        self.reason = as_reason(reason)


class Kill(BaseException):
    """Ends the actor when raised in its thread from outside: a rung of the kill ladder."""


def takes_effect(signal: ExitSignal, *, from_self: bool) -> bool:
    """Return whether an exit signal ends an actor that does not trap exits, rather than being dropped.

    Source:
        Erlang/OTP reference manual, "Processes": receiving exit signals.
    """
    return signal.reason != NORMAL or from_self
