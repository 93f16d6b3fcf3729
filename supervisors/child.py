"""What a supervisor needs to know of a child, whatever it runs on: a thread, a process, another machine, a test."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from supervisors.clock import Clock, SystemClock
from supervisors.events import Hooks
from supervisors.reasons import Reason

if TYPE_CHECKING:
    from supervisors.ref import Ref
    from supervisors.registry import Registry
    from supervisors.timers import Timers


class ChildType(Enum):
    """What a child is counted as, and how patient its shutdown is by default."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


class Rung(NamedTuple):
    """One step of a kill ladder.

    Args:
        name: what it is, for logs.
        pull: does it, and returns at once.
        grace_s: real seconds to wait for the child's end before the next step; None waits for ever, for hosts whose
            last step never fails.
    """

    name: str
    pull: Callable[[], None]
    grace_s: float | None


@runtime_checkable
class Child(Protocol):
    """One incarnation of a running child, as its supervisor sees it.

    A ``start`` function returns it when the child is ready to work. All methods return at once, may be called from any
    thread, and are harmless for a child that has ended; `supervisors.testing.check_child` checks an implementation.
    """

    @property
    def ref(self) -> Any:
        """Return what others send to; compared by identity."""
        ...

    @property
    def can_be_killed(self) -> bool:
        """Return whether the last rung of `ladder` always ends the child."""
        ...

    def watch(self, on_exit: Callable[[Reason], None]) -> None:
        """Call ``on_exit`` once, from any thread, when the child has ended; at once if it already has."""
        ...

    def shutdown(self, reason: Reason) -> None:
        """Ask the child to stop in order; it should end with ``reason``."""
        ...

    def ladder(self) -> Sequence[Rung]:
        """Return the steps to take, in order, with a child that does not heed `shutdown`."""
        ...

    def abandon(self) -> None:
        """Give up: fence the child off, so that nothing it still does has any effect; it then counts as ended."""
        ...

    def join(self) -> None:
        """Wait for what is left of a child that has ended (its thread, its process); not for one abandoned."""
        ...

    def depth(self) -> int | None:
        """Return about how many messages wait for the child; None when that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a child may know of the circumstances of its start; the argument of every ``start`` function.

    Args:
        id: the child's id in its supervisor.
        incarnation: 1 for the first start, one more for every later attempt; so a higher one is a later one.
        lineage: the incarnations of all supervisors above, outermost first, then the child's own. Its order is the
            order of time even when a supervisor was itself restarted and counts from 1 again.
        path: the names of all supervisors above, outermost first, then the child's id.
        supervisor: the supervisor's reference; None for an actor started without one.
        extra_arguments: what a dynamic supervisor prepends to the arguments of every child.
        name: what the child is to be registered as, if anything.
        registry: where names are looked up and registered, if anywhere.
        clock: where the time comes from.
        hooks: who is told of what happens.
        timers: the timer thread of the tree; None for an actor started without one.
        mailbox_sample_s: how often supervisors report the depth of mailboxes, in seconds; None for never.
    """

    id: str
    incarnation: int = 1
    lineage: tuple[int, ...] = (1,)
    path: tuple[str, ...] = ()
    supervisor: Ref[Any] | None = None
    extra_arguments: tuple[Any, ...] = ()
    name: Hashable | None = None
    registry: Registry | None = None
    clock: Clock = field(default_factory=SystemClock)
    hooks: Hooks = field(default_factory=Hooks)
    timers: Timers | None = None
    mailbox_sample_s: float | None = None
