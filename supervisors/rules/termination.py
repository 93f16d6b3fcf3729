"""How a child is told to stop, how long that may take, and which ends are then as they should be. Pure."""

from __future__ import annotations

import math
from enum import Enum
from typing import Final, Literal, TypeAlias

from supervisors.rules.reasons import KILLED, SHUTDOWN, Reason
from supervisors.rules.strategy import Restart


class ChildType(Enum):
    """What a child is counted as, and how patient its shutdown is by default."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


ChildTypeLike: TypeAlias = ChildType | Literal["worker", "supervisor"]
"""A `ChildType`, or its value."""

INFINITY: Final = math.inf
"""For ``shutdown``: wait until the child has ended by itself, however long it takes."""


class BrutalKill(Enum):
    """The type of `BRUTAL_KILL`."""

    BRUTAL_KILL = "brutal_kill"


BRUTAL_KILL: Final = BrutalKill.BRUTAL_KILL
"""For ``shutdown``: do not ask, kill at once."""

SecondsLike: TypeAlias = float | Literal["infinity"]
"""Seconds, or `INFINITY` as a string."""

ShutdownLike: TypeAlias = SecondsLike | BrutalKill | Literal["brutal_kill"]
"""Seconds, `INFINITY` or `BRUTAL_KILL`; the last two also as strings."""


def default_shutdown(type: ChildType) -> float:
    """Return the seconds that a child of this type may take to stop unless its specification says otherwise."""
    return INFINITY if type is ChildType.SUPERVISOR else 5.0


def patience_s(shutdown: float | BrutalKill) -> float:
    """Return how many seconds a child with this ``shutdown`` may take to stop in order."""
    return 0.0 if shutdown is BRUTAL_KILL else float(shutdown)


def is_expected(reason: Reason, shutdown: float | BrutalKill, restart: Restart) -> bool:
    """Return whether ``reason`` is no fault of a child that its supervisor told to stop.

    Source:
        Erlang/OTP, stdlib, ``supervisor``: shutdown errors.
    """
    if shutdown is BRUTAL_KILL and reason == KILLED:
        return True
    if restart is Restart.PERMANENT:
        return reason == SHUTDOWN and shutdown is not BRUTAL_KILL
    return reason.is_orderly
