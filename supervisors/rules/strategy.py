"""Which children to stop and which to start when one has ended. Pure: no threads, no clocks, no children."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from supervisors.rules.reasons import Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a restart.

    Args:
        stop: ids to stop first, in this order: the reverse of the order of start.
        start: ids to start then, in this order.
    """

    stop: tuple[str, ...]
    start: tuple[str, ...]


class Strategy(Enum):
    """Which children are restarted when one has ended."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"

    def plan(self, order: Iterable[str], failed: str) -> Plan:
        """Return which children to stop and which to start.

        Args:
            order: the ids of all children, in the order of start; ``failed`` is one of them.
            failed: the child that ended, and so need not be stopped.
        """
        if self is Strategy.ONE_FOR_ONE:  # whose cost must not grow with the number of children
            return Plan((), (failed,))
        ids = tuple(order)
        affected = ids if self is Strategy.ONE_FOR_ALL else ids[ids.index(failed) :]
        return Plan(tuple(id for id in reversed(affected) if id != failed), affected)


StrategyLike: TypeAlias = Strategy | Literal["one_for_one", "one_for_all", "rest_for_one"]
"""A `Strategy`, or its value."""


class Restart(Enum):
    """The ends after which a child is started again."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"

    def verdict(self, reason: Reason) -> Verdict:
        """Return what to do with a child of this kind that ended by itself for ``reason``."""
        match self:
            case Restart.PERMANENT:
                return Verdict.RESTART
            case Restart.TRANSIENT:
                return Verdict.KEEP if reason.is_orderly else Verdict.RESTART
            case Restart.TEMPORARY:
                return Verdict.DROP


RestartLike: TypeAlias = Restart | Literal["permanent", "transient", "temporary"]
"""A `Restart`, or its value."""


class Verdict(Enum):
    """The decision about a child that has ended."""

    RESTART = "restart"
    KEEP = "keep the specification"
    DROP = "drop the specification"


class AutoShutdown(Enum):
    """Whether a supervisor ends when its significant children have ended by themselves."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"

    def is_due(self, left: int) -> bool:
        """Return whether the supervisor ends now that a significant child has ended by itself.

        Args:
            left: how many other significant children run or are about to.
        """
        return self is AutoShutdown.ANY_SIGNIFICANT or (self is AutoShutdown.ALL_SIGNIFICANT and left == 0)


AutoShutdownLike: TypeAlias = AutoShutdown | Literal["never", "any_significant", "all_significant"]
"""An `AutoShutdown`, or its value."""
