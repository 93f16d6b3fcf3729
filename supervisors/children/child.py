"""What a supervisor needs to know of a child, whatever it runs on: a thread, a process, another machine, a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from supervisors.rules.reasons import Reason


class Rung(NamedTuple):
    """One step of a kill ladder.

    Args:
        name: of the step, for logs.
        pull: takes it, and returns at once.
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
        """The reference that others send to; compared by identity."""
        ...

    @property
    def can_be_killed(self) -> bool:
        """Whether the last rung of `ladder` always ends the child."""
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
        """Wait for what is left of a child that has ended: its thread, its process. Not called for an abandoned one."""
        ...

    def depth(self) -> int | None:
        """Return about how many messages wait for the child; None when that is not known."""
        ...
