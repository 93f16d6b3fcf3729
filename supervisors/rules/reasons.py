"""Why an actor ended: OTP's exit reasons as small frozen values.

In OTP any term is a reason. Programs may give any value here, too: `as_reason`, the one door, makes a `Reason` of it.

Source:
    Erlang/OTP reference manual, "Processes", sections on exit signals.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeAlias

from supervisors.rules.printing import printed

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]
"""What `sys.exc_info` returns while an exception is handled."""


class Reason:
    """The base of every exit reason."""

    __slots__ = ()

    @property
    def is_orderly(self) -> bool:
        """Whether this is `Normal` or a `Shutdown`, after which a transient child is not restarted."""
        return False

    @property
    def exception(self) -> BaseException | None:
        """The exception at the root of this reason; None when nothing was raised."""
        return None

    @property
    def exc_info(self) -> ExcInfo | None:
        """What `logging` needs to print the crash as it was; None when this is no crash."""
        return None


@dataclass(frozen=True, slots=True)
class Normal(Reason):
    """The actor had nothing left to do."""

    def __str__(self) -> str:
        return "normal"

    @property
    def is_orderly(self) -> bool:
        """True."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Shutdown(Reason):
    """The actor was asked to stop, or decided to, in order.

    Args:
        detail: what OTP writes as ``{shutdown, detail}``; an `Escalation` when a supervisor gave up.
    """

    detail: object = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shutdown) and _equal(self.detail, other.detail)

    def __hash__(self) -> int:
        return hash(Shutdown)  # a detail need not be hashable

    def __str__(self) -> str:
        return "shutdown" if self.detail is None else f"shutdown: {printed(self.detail, str)}"

    @property
    def is_orderly(self) -> bool:
        """True."""
        return True

    @property
    def exception(self) -> BaseException | None:
        """The exception inside an `Escalation` or `FailedToStart`, if that is the detail."""
        return self.detail.reason.exception if isinstance(self.detail, Escalation | FailedToStart) else None


@dataclass(frozen=True, slots=True)
class Killed(Reason):
    """The actor was ended by force."""

    def __str__(self) -> str:
        return "killed"


@dataclass(frozen=True, slots=True)
class NoProc(Reason):
    """There was no such actor when it was linked to or monitored."""

    def __str__(self) -> str:
        return "noproc"


@dataclass(frozen=True, slots=True, eq=False)
class Crashed(Reason):
    """The actor's own code raised.

    Args:
        error: the original exception.
        traceback: where it was raised. Kept apart, because the traceback of ``error`` itself changes when the error is
            raised again in the code of an actor that asked. Its frames have no variables once the actor's thread ended.
    """

    error: BaseException
    traceback: TracebackType | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.traceback is None:
            object.__setattr__(self, "traceback", self.error.__traceback__)

    @property
    def exc_info(self) -> ExcInfo | None:
        """The exception as it was when the actor crashed."""
        return type(self.error), self.error, self.traceback

    @property
    def exception(self) -> BaseException | None:
        """The original exception."""
        return self.error

    def __str__(self) -> str:
        return "".join(traceback.format_exception_only(self.error)).strip()


@dataclass(frozen=True, slots=True, eq=False)
class Exited(Reason):
    """The actor was told to end, or ended itself, for a reason of the program's own.

    Args:
        term: that reason: any value.
    """

    term: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exited) and _equal(self.term, other.term)

    def __hash__(self) -> int:
        return hash(Exited)  # a term need not be hashable

    def __str__(self) -> str:
        return f"exit: {printed(self.term)}"


@dataclass(frozen=True, slots=True)
class Abandoned(Reason):
    """The actor would not end and cannot be killed: it was fenced off, and its thread may still run.

    Args:
        stack: the calls that the thread was in when it was abandoned, innermost last; empty when unknown.
    """

    stack: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return "abandoned" + (f" at {self.stack.splitlines()[-1].strip()!r}" if self.stack else "")


@dataclass(frozen=True, slots=True)
class Escalation:
    """The detail of the `Shutdown` of a supervisor that gave up.

    Args:
        supervisor: its name.
        child: the id of the child whose restart was one too many.
        incarnation: the number of its last incarnation.
        reason: why.
    """

    supervisor: str
    child: str
    incarnation: int
    reason: Reason

    def __str__(self) -> str:
        return f"{self.supervisor!r} gave up on child {self.child!r} (incarnation {self.incarnation}): {self.reason}"


@dataclass(frozen=True, slots=True)
class FailedToStart:
    """The detail of the `Shutdown` of a supervisor that did not start, because one of its children did not.

    Args:
        supervisor: its name.
        child: the id of the child.
        reason: why the child did not start.
    """

    supervisor: str
    child: str
    reason: Reason

    def __str__(self) -> str:
        return f"child {self.child!r} of {self.supervisor!r} failed to start: {self.reason}"


NORMAL = Normal()
SHUTDOWN = Shutdown()
KILLED = Killed()
NOPROC = NoProc()


def as_reason(term: object) -> Reason:
    """Return the reason that ``term`` stands for: the door through which reasons enter.

    A `Reason` is itself, and an exception is `Crashed`; so is a class of either, as after ``raise``. Any other value is
    `Exited`.
    """
    if isinstance(term, type) and issubclass(term, Reason | BaseException):
        try:
            return as_reason(term())
        except Exception:  # noqa: BLE001 - it cannot be made without arguments, so it stands for nothing but itself
            return Exited(term)
    if isinstance(term, Reason):
        return term
    return Crashed(term) if isinstance(term, BaseException) else Exited(term)


def _equal(one: object, other: object) -> bool:
    """Return whether two values of a program are equal; arrays, and others that cannot say, only to themselves."""
    try:
        return one is other or bool(one == other)
    except Exception:  # noqa: BLE001 - whatever their code raises
        return False
