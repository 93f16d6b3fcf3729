"""A supervisor's memory: its children in the order of start, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from supervisors.child import Child, ChildType
from supervisors.latch import Latch
from supervisors.reasons import Reason
from supervisors.spec import ChildSpec
from supervisors.strategy import Restart


class ChildState(Enum):
    """What a child does."""

    RUNNING = "running"
    STOPPED = "stopped"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """What a supervisor says of one child.

    Args:
        id: names it in its supervisor.
        ref: what to send to; None unless it runs.
        state: running, stopped (also: ignored), or restarting: between two attempts.
        type: worker or supervisor.
        restart: when it is restarted.
        incarnation: of its last start, from 1; 0 if there was none.
        info: the second half of what its ``start`` returned, if that was a pair.
    """

    id: str
    ref: Any
    state: ChildState
    type: ChildType
    restart: Restart
    incarnation: int
    info: Any = None


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


class Watch:
    """Where a child's end is written, in whatever thread it is noticed."""

    __slots__ = ("ended", "reason")

    def __init__(self) -> None:
        self.ended = Latch()
        self.reason: Reason | None = None

    def note(self, reason: Reason) -> None:
        """Write the end down."""
        self.reason = reason
        self.ended.set()


@dataclass(slots=True, eq=False, repr=False)
class Slot:
    """One child's place.

    Args:
        spec: its specification.
        state: what it does.
        child: the one that runs, else None.
        watch: where its end is written.
        incarnation: of its last start.
        info: the second half of what ``start`` returned.
        retry: identifies the attempt that is due while it is restarting, so that a cancelled one is known.
        reason: why it ended last.
        failures: how many pauses of its backoff came in a row.
        since: monotonic seconds of its last change of state.
        key: what a dynamic supervisor finds it by.
    """

    spec: ChildSpec
    state: ChildState = ChildState.STOPPED
    child: Child | None = None
    watch: Watch = field(default_factory=Watch)
    incarnation: int = 0
    info: Any = None
    retry: object = None
    reason: Reason | None = None
    failures: int = 0
    since: float = 0.0
    key: Any = None

    @property
    def id(self) -> str:
        """Return the child's id."""
        return self.spec.id

    def describe(self) -> ChildInfo:
        """Return what others may know."""
        ref = None if self.child is None else self.child.ref
        spec = self.spec
        return ChildInfo(spec.id, ref, self.state, spec.type, spec.restart, self.incarnation, self.info)

    def rest(self, state: ChildState = ChildState.STOPPED) -> None:
        """Note that no child runs here now."""
        self.state, self.child, self.retry, self.info = state, None, None, None


def count(slots: list[Slot]) -> Counts:
    """Return how many children ``slots`` hold."""
    supervisors = sum(slot.spec.type is ChildType.SUPERVISOR for slot in slots)
    active = sum(slot.child is not None for slot in slots)
    return Counts(len(slots), active, supervisors, len(slots) - supervisors)
