"""A child without a thread, with every move scripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from supervisors.children.child import Rung
from supervisors.lifecycle.arguments import refused_arguments
from supervisors.lifecycle.context import StartContext
from supervisors.rules.printing import shown
from supervisors.rules.reasons import KILLED, NORMAL, Abandoned, Crashed, Reason


class ScriptedChild:
    """A `supervisors.Child` that ends when the test says so.

    Args:
        context: the circumstances of its start.
        heeds_shutdown: whether it ends when it is asked to.
        shutdown_reason: why it then ends; by default for the reason that was asked for.
        can_be_killed: whether force ends it; else it can only be abandoned.
    """

    def __init__(
        self,
        context: StartContext,
        *,
        heeds_shutdown: bool = True,
        shutdown_reason: Reason | None = None,
        can_be_killed: bool = True,
    ) -> None:
        self.context = context
        self.heeds_shutdown = heeds_shutdown
        self.shutdown_reason = shutdown_reason
        self.can_be_killed = can_be_killed
        self.reason: Reason | None = None
        self.messages: list[Any] = []
        self._watchers: list[Callable[[Reason], None]] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"ScriptedChild({self.context.id!r}, incarnation={self.context.incarnation}, reason={self.reason})"

    @property
    def ref(self) -> ScriptedChild:
        """The child itself: nothing stands between it and its senders."""
        return self

    def tell(self, message: Any) -> None:
        """Keep ``message`` in ``messages``."""
        self.messages.append(message)

    # The script

    def exit(self, reason: Reason = NORMAL) -> None:
        """End for ``reason``."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher(reason)

    def crash(self, error: BaseException | None = None) -> None:
        """End by ``error``, or by a `RuntimeError`."""
        self.exit(Crashed(RuntimeError("scripted") if error is None else error))

    # supervisors.Child

    def watch(self, on_exit: Callable[[Reason], None]) -> None:
        """Call ``on_exit`` at the end."""
        with self._lock:
            if self.reason is None:
                self._watchers.append(on_exit)
                return
        on_exit(self.reason)

    def shutdown(self, reason: Reason) -> None:
        """End, if this child heeds a shutdown."""
        if self.heeds_shutdown:
            self.exit(reason if self.shutdown_reason is None else self.shutdown_reason)

    def ladder(self) -> Sequence[Rung]:
        """Return the one step that ends it, or one that does not."""
        if self.can_be_killed:
            return (Rung("kill", lambda: self.exit(KILLED), None),)
        return (Rung("ask in vain", lambda: None, 0.0),)

    def abandon(self) -> None:
        """End as abandoned."""
        self.exit(Abandoned())

    def join(self) -> None:
        """Return at once: nothing is left of it."""

    def depth(self) -> int:
        """Return how many messages it was sent."""
        return len(self.messages)


class ScriptedStart:
    """A ``start`` whose outcomes are scripted.

    Args:
        outcomes: one for each start: an exception to raise, a value to return, or None for a `ScriptedChild`; when they
            are used up every start gives a child.
        **options: for every `ScriptedChild`.
    """

    def __init__(self, outcomes: Iterable[Any] = (), **options: Any) -> None:
        refused = refused_arguments(ScriptedChild, (None,), options)
        if refused is not None:
            raise TypeError(f"ScriptedStart() {refused}")
        if not isinstance(outcomes, Iterable) or isinstance(outcomes, str | Mapping):
            raise TypeError(f"expected a list of outcomes, got {shown(outcomes)}")
        self.outcomes = list(outcomes)
        self.options = options
        self.children: list[ScriptedChild] = []

    def __call__(self, context: StartContext) -> Any:
        """Do what the script says."""
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, BaseException):
            try:
                raise outcome
            finally:
                del outcome  # it keeps this frame
        if outcome is not None:
            return outcome
        self.children.append(ScriptedChild(context, **self.options))
        return self.children[-1]

    @property
    def child(self) -> ScriptedChild:
        """The child that was started last."""
        return self.children[-1]
