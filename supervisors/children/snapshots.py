"""A supervisor and its children at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from supervisors.children.records import ChildRecord, ChildState, depth_of
from supervisors.rules.termination import ChildType


@dataclass(frozen=True, slots=True)
class ChildSnapshot:
    """One child at one moment.

    Args:
        id: its id.
        ref: its reference; None unless it runs.
        state: running, stopped or restarting.
        type: worker or supervisor.
        incarnation: of its last start, from 1; 0 if there was none.
        depth: about how many messages wait for it; None when it does not run or its host does not know.
        seconds: how long it has been in this state, in seconds of the tree's clock.
    """

    id: str
    ref: Any
    state: ChildState
    type: ChildType
    incarnation: int
    depth: int | None
    seconds: float

    @staticmethod
    def of(record: ChildRecord, now: float) -> ChildSnapshot:
        """Return the child of ``record`` at the time ``now`` (monotonic seconds)."""
        state, incarnation, depth = record.state, record.incarnation, depth_of(record)
        return ChildSnapshot(record.id, record.ref, state, record.spec.type, incarnation, depth, now - record.since)


@dataclass(frozen=True, slots=True)
class SupervisorSnapshot:
    """A supervisor at one moment.

    Args:
        name: of the supervisor and those above it, outermost first, joined by ``/``.
        kind: ``one_for_one`` and so on.
        restarts_used: how many restarts count now.
        restarts_left: how many more would be allowed now.
        max_restarts: its limit.
        max_seconds: within how many seconds.
        abandoned: how many children it has had to abandon.
        children: in the order of start.
    """

    name: str
    kind: str
    restarts_used: int
    restarts_left: int
    max_restarts: int
    max_seconds: float
    abandoned: int
    children: tuple[ChildSnapshot, ...]
