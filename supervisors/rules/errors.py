"""The errors of this package. Each message is one line: what was expected, what came, what to do."""

from __future__ import annotations

from typing import Any

import pykka

from supervisors.rules.reasons import NOPROC, Reason


class SupervisionError(Exception):
    """The base of every error of this package, except `ActorDead`, which is Pykka's."""


class BadSpec(SupervisionError, ValueError):
    """A child specification or a supervisor's option of the wrong kind, value or combination."""


class DuplicateChild(BadSpec):
    """Two child specifications with the same id in one supervisor."""


class KillRefused(BadSpec):
    """A specification that demands a real kill, for a host that has none."""


class BadActor(SupervisionError, TypeError):
    """An actor, or its class, uses a name of `Actor` for something else, has a wrong option, or forgot `super()`."""


class StartError(SupervisionError):
    """An actor, or a child of a supervisor, did not start; `__cause__` is the original exception.

    Args:
        message: one line.
        child: the id of the child that failed; None outside a supervisor.
    """

    def __init__(self, message: str, child: str | None = None) -> None:
        super().__init__(message)
        self.child = child


class HungStart(StartError):
    """An actor was not ready in time, or was to stop before it was; it was ended by force.

    Args:
        message: one line.
        child: its id.
        reason: why it ended then: killed, or abandoned with the place where it hung.
    """

    def __init__(self, message: str, child: str, reason: Reason) -> None:
        super().__init__(message, child)
        self.reason = reason


class Ignore(Exception):
    """Raise it in ``__init__``, ``on_start`` or a ``start`` function: "do not run me, and this is no failure"."""


class ChildError(SupervisionError):
    """A call about a child that cannot be answered.

    Args:
        message: one line.
        child: the id of the child.
    """

    def __init__(self, message: str, child: object) -> None:
        super().__init__(message)
        self.child = child


class AlreadyStarted(ChildError):
    """A child of this id, or an actor of this name, runs already.

    Args:
        message: one line.
        child: the id or name.
        ref: the one that runs.
    """

    def __init__(self, message: str, child: object, ref: Any) -> None:
        super().__init__(message, child)
        self.ref = ref


class AlreadyPresent(ChildError):
    """A child of this id is specified but not running: restart it or delete it."""


class NotFound(ChildError):
    """No child of this id or reference."""


class StillRunning(ChildError):
    """The child runs: terminate it first."""


class StillRestarting(ChildError):
    """The child is between two attempts to restart it: terminate it first."""


class NotSupported(ChildError):
    """This kind of supervisor has no such call."""


class MailboxFull(SupervisionError):
    """No room in a bounded mailbox."""


class MaxChildren(SupervisionError):
    """A dynamic supervisor holds as many children as it may."""


class DeadlineExceeded(pykka.Timeout):
    """An ``ask`` was not answered before its deadline; the actor will not handle it any more."""


class ActorDead(pykka.ActorDeadError):
    """The actor has ended, so that nothing can be asked of it.

    Args:
        message: one line.
        reason: why it ended.
        begun: whether it had begun with what was asked; if not, it never will, and the question had no effect.
    """

    def __init__(self, message: str, reason: Reason = NOPROC, *, begun: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.begun = begun


class Stopping(ActorDead):
    """The actor still runs its last hook, and answers nothing any more.

    A child that gets it from a supervisor above, and does not catch it, ends in order: it was to be stopped next.
    """
