"""The events in a child's life; its supervisor sends them."""

from __future__ import annotations

from dataclasses import dataclass

from supervisors.children.spec import ChildSpec
from supervisors.lifecycle.hooks import Event
from supervisors.rules.reasons import Reason


@dataclass(frozen=True, slots=True)
class ChildEvent(Event):
    """The base of these events.

    Args:
        spec: the child's specification.
    """

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class ChildStarting(ChildEvent):
    """The child's ``start`` is about to be called."""


@dataclass(frozen=True, slots=True)
class ChildReady(ChildEvent):
    """The child has started, for the first time or again."""


@dataclass(frozen=True, slots=True)
class ChildStartFailed(ChildEvent):
    """The child did not start.

    Args:
        error: what ``start`` raised.
    """

    error: BaseException


@dataclass(frozen=True, slots=True)
class ChildExited(ChildEvent):
    """The child has ended, by itself or because it was told to; sent before any restart.

    Args:
        reason: why.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class ChildRestarted(ChildEvent):
    """The child is ready again after a restart; its ``incarnation`` is the new one."""


@dataclass(frozen=True, slots=True)
class ChildShutdownFailed(ChildEvent):
    """The child was told to stop, and did not end as it should have.

    Args:
        reason: why it ended.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class ChildAbandoned(ChildEvent):
    """The child would not end and cannot be killed; it was fenced off, and its thread may still run.

    Args:
        reason: an `Abandoned`, with the place where the thread was.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class Escalated(ChildEvent):
    """The child ended once more than the restart window allows, and so the supervisor ends.

    Args:
        reason: why the child ended.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class MailboxDepth(ChildEvent):
    """How many messages wait for the child; sent as often as ``mailbox_sample_s`` says.

    Args:
        depth: about how many.
    """

    depth: int
