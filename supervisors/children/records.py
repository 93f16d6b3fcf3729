"""What a supervisor knows of each of its children."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from supervisors.children.child import Child
from supervisors.children.spec import ChildSpec
from supervisors.lifecycle.guarded import guarded
from supervisors.lifecycle.ref import ref_to
from supervisors.rules.reasons import Reason, as_reason
from supervisors.rules.strategy import Restart
from supervisors.rules.termination import ChildType
from supervisors.threads.latch import Latch

R = TypeVar("R", covariant=True)


class ChildState(Enum):
    """Whether a child runs."""

    RUNNING = "running"
    STOPPED = "stopped"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class ChildInfo(Generic[R]):
    """One child, as its supervisor describes it.

    Args:
        id: its id in its supervisor.
        ref: its reference; None unless it runs. Its type is Any, unless the call that returns this names a class.
        state: running, stopped (also: ignored), or restarting: between two attempts.
        type: worker or supervisor.
        restart: when it is restarted.
        incarnation: of its last start, from 1; 0 if there was none.
        info: the second half of what its ``start`` returned, if that was a pair.
    """

    id: str
    ref: R
    state: ChildState
    type: ChildType
    restart: Restart
    incarnation: int
    info: Any = None


def typed(info: ChildInfo[Any], actor_class: type[Any] | None) -> ChildInfo[Any]:
    """Return ``info`` if it is of an actor of ``actor_class``, or does not run; None stands for any class.

    Raises:
        BadSpec: it is of another class.
    """
    if actor_class is not None:
        ref_to(actor_class, info.ref)
    return info


class Counts(NamedTuple):
    """How many children a supervisor has.

    Args:
        specs: all, running or not.
        active: those that run.
        supervisors: all of that type, running or not.
        workers: all of that type, running or not.
    """

    specs: int
    active: int
    supervisors: int
    workers: int


class ExitWatch(Latch):
    """Records a child's end, in whatever thread it is noticed; set then, so that the supervisor can wait for it.

    Args:
        then: called when the child has ended, and the reason is known.
    """

    __slots__ = ("_then", "reason")

    def __init__(self, then: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.reason: Reason | None = None
        self._then = then

    def note(self, reason: object) -> None:
        """Record the end, the first time; a host may give any value as its reason."""
        if self.reason is not None:
            return
        self.reason = as_reason(reason)
        then, self._then = self._then, None
        if then is not None:
            then()
        self.set()


@dataclass(slots=True, eq=False, repr=False)
class ChildRecord:
    """One child of a supervisor, through all its incarnations.

    Args:
        spec: its specification.
        state: whether it runs.
        child: the incarnation that runs, else None.
        ref: its reference.
        watch: records the end of that incarnation.
        incarnation: the number of its last start.
        info: the second half of what ``start`` returned.
        retry: identifies the attempt that is due while it is restarting, so that a cancelled one is ignored.
        reason: why it ended last; None once it runs again.
        failures: how many pauses of its backoff came in a row.
        since: monotonic seconds of its last change of state.
        key: its key in a dynamic supervisor's table.
    """

    spec: ChildSpec
    state: ChildState = ChildState.STOPPED
    child: Child | None = None
    ref: Any = None
    watch: ExitWatch = field(default_factory=ExitWatch)
    incarnation: int = 0
    info: Any = None
    retry: object = None
    reason: Reason | None = None
    failures: int = 0
    since: float = 0.0
    key: Any = None

    @property
    def id(self) -> str:
        """The child's id."""
        return self.spec.id

    def describe(self) -> ChildInfo[Any]:
        """Return what callers of the supervisor may know."""
        spec = self.spec
        return ChildInfo(spec.id, self.ref, self.state, spec.type, spec.restart, self.incarnation, self.info)

    def mark_down(self, state: ChildState = ChildState.STOPPED) -> None:
        """Record that no incarnation runs now."""
        self.state, self.child, self.ref, self.retry, self.info = state, None, None, None, None


def count(records: list[ChildRecord]) -> Counts:
    """Return how many children there are, by kind."""
    supervisors = sum(record.spec.type is ChildType.SUPERVISOR for record in records)
    active = sum(record.child is not None for record in records)
    return Counts(len(records), active, supervisors, len(records) - supervisors)


def depth_of(record: ChildRecord) -> int | None:
    """Return about how many messages wait for a child; None when it does not run, or its host does not know."""
    child = record.child
    return None if child is None else guarded(child.depth, None, "`depth` of child %r", record.id)
