"""The host that this package brings: an actor on a thread, as a child."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from supervisors.child import Rung
from supervisors.reasons import Reason
from supervisors.ref import Ref
from supervisors.signals import StopSignal


class ThreadChild:
    """A started `supervisors.Actor`, as its supervisor sees it.

    A thread cannot be killed. The ladder asks in ever ruder ways, the last of them an asynchronous exception; what then
    still runs can only be abandoned.

    Args:
        ref: of an actor that is ready.
    """

    can_be_killed = False

    def __init__(self, ref: Ref[Any]) -> None:
        self.ref = ref
        self._cell = ref.cell

    def watch(self, on_exit: Callable[[Reason], None]) -> None:
        """Call ``on_exit`` when the actor has ended."""
        self._cell.bonds.watch(on_exit)

    def shutdown(self, reason: Reason) -> None:
        """Ask the actor to stop after the message it is handling."""
        self._cell.mailbox.signal(StopSignal(reason))

    def ladder(self) -> Sequence[Rung]:
        """Return: set the cancel token; then, unless the actor's class forbids it, raise an exception in the thread."""
        actor_class = self.ref.actor_class
        cancel = Rung("cancel", self._cell.request_kill, actor_class.kill_grace_s)
        raise_ = Rung("raise", self._cell.strike, actor_class.kill_grace_s)
        return (cancel, raise_) if actor_class.interruptible else (cancel,)

    def abandon(self) -> None:
        """Fence the thread off: what it sends and answers from now on is dropped."""
        self._cell.abandon()

    def join(self) -> None:
        """Wait for the thread of an actor that has ended."""
        self._cell.join()

    def depth(self) -> int:
        """Return about how many messages wait."""
        return self._cell.mailbox.depth()
