"""An actor on a thread, as a child: the host that this package brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

from supervisors.children.child import Rung
from supervisors.lifecycle.ref import Ref, state_of
from supervisors.lifecycle.signals import StopSignal
from supervisors.rules.reasons import Reason


class ThreadChild:
    """A started `supervisors.Actor`, as its supervisor sees it.

    A thread cannot be killed. The ladder sets a cancel token, then raises an asynchronous exception; an actor that
    still runs can only be abandoned.

    Args:
        ref: of an actor that is ready.
    """

    can_be_killed = False

    def __init__(self, ref: Ref[Any]) -> None:
        self.ref = ref
        self._state = state_of(ref)

    def watch(self, on_exit: Callable[[Reason], None]) -> None:
        """Call ``on_exit`` when the actor has ended."""
        self._state.links.watch(on_exit)

    def shutdown(self, reason: Reason) -> None:
        """Ask the actor to stop after the message it is handling."""
        self._state.mailbox.signal(StopSignal(reason))

    def ladder(self) -> Sequence[Rung]:
        """Return: set the cancel token; then, unless the actor's class forbids it, raise an exception in the thread."""
        actor_class = self.ref.actor_class
        cancel = Rung("cancel", self._state.request_kill, actor_class.kill_grace_s)
        raise_ = Rung("raise", self._state.interrupt, actor_class.kill_grace_s)
        return (cancel, raise_) if actor_class.interruptible else (cancel,)

    def abandon(self) -> None:
        """Fence the thread off: what it sends and answers from now on is dropped."""
        self._state.abandon()

    def join(self) -> None:
        """Wait for the thread of an actor that has ended."""
        self._state.join()

    @property
    def thread(self) -> Thread | None:
        """The thread that runs the actor now; None where it has ended, or waits for its turn on a scheduler."""
        return self._state.thread

    def depth(self) -> int:
        """Return about how many messages wait."""
        return self._state.mailbox.depth()
