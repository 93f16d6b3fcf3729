"""Events, and the hooks that are called with them: the observers of a tree."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from supervisors.lifecycle.signals import Kill
from supervisors.rules.errors import BadSpec
from supervisors.rules.options import function
from supervisors.rules.printing import shown

logger = logging.getLogger("supervisors")


@dataclass(frozen=True, slots=True)
class Event:
    """The base of every event.

    Args:
        supervisor: the names of the supervisor and those above it, outermost first, joined by ``/``.
        id: the child's id.
        incarnation: which start of the child it is about, from 1.
    """

    supervisor: str
    id: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class DeadLetter(Event):
    """A message came too late for this incarnation, or found no room, and had no effect.

    Sent in the thread that found it out.

    Args:
        message: what was told or asked.
    """

    message: Any


Hook: TypeAlias = Callable[[Event], None]
"""Called in the thread of the supervisor, which waits for it: it should be quick, and must not call the supervisor."""

E = TypeVar("E", bound=Event)


def on(event_type: type[E], hook: Callable[[E], None]) -> Hook:
    """Return a hook that passes on the events of one type only."""
    if not (isinstance(event_type, type) and issubclass(event_type, Event)):
        raise BadSpec(f"expected a class of events, got {shown(event_type)}")
    function("hook", hook)

    def filtered(event: Event) -> None:
        if isinstance(event, event_type):
            hook(event)

    return filtered


class Hooks:
    """The hooks of a tree of supervisors. A hook that raises is logged and removed; it harms nothing else.

    Args:
        hooks: the first ones.
    """

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        if not hasattr(hooks, "__iter__") or isinstance(hooks, str | type):
            raise BadSpec(f"expected a list of hooks, got {shown(hooks)}")
        self._hooks: tuple[Hook, ...] = tuple(function("hook", hook) for hook in hooks)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def add(self, hook: Hook) -> None:
        """Call ``hook`` with every later event."""
        with self._lock:
            self._hooks = (*self._hooks, function("hook", hook))

    def remove(self, hook: Hook) -> None:
        """Stop calling ``hook``; one that is not there is no error."""
        with self._lock:
            self._hooks = tuple(other for other in self._hooks if other is not hook)

    def emit(self, event: Event) -> None:
        """Call every hook with ``event``."""
        for hook in self._hooks:
            try:
                hook(event)
            except Kill:
                raise
            except BaseException:
                logger.exception("a hook raised on %s of %r and is removed", type(event).__name__, event.id)
                self.remove(hook)
