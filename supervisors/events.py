"""What supervisors tell whoever wants to know: events, and hooks that take them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from supervisors.reasons import Reason
from supervisors.signals import Kill

if TYPE_CHECKING:
    from supervisors.spec import ChildSpec

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
class ChildEvent(Event):
    """The base of the events in a child's life; its supervisor sends them.

    Args:
        spec: the child's specification.
    """

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class ChildStarting(ChildEvent):
    """The child's ``start`` is about to be called."""


@dataclass(frozen=True, slots=True)
class ChildReady(ChildEvent):
    """The child has started, for the first time or again."""


@dataclass(frozen=True, slots=True)
class ChildStartFailed(ChildEvent):
    """The child did not start.

    Args:
        error: what ``start`` raised.
    """

    error: BaseException


@dataclass(frozen=True, slots=True)
class ChildExited(ChildEvent):
    """The child has ended, by itself or because it was told to; sent before any restart is made.

    Args:
        reason: why.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class ChildRestarted(ChildEvent):
    """The child is ready again after a restart; its ``incarnation`` is the new one."""


@dataclass(frozen=True, slots=True)
class ChildShutdownFailed(ChildEvent):
    """The child was told to stop and ended in another way than it should have.

    Args:
        reason: why it ended.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class ChildAbandoned(ChildEvent):
    """The child would not end and cannot be killed; it was fenced off, and its thread may still run.

    Args:
        reason: an `Abandoned`, with the place where the thread was.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class Escalated(ChildEvent):
    """The child ended once more than the restart window allows, and so the supervisor ends.

    Args:
        reason: why the child ended.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class MailboxDepth(ChildEvent):
    """How many messages wait for the child; sent as often as ``mailbox_sample_s`` says.

    Args:
        depth: about how many.
    """

    depth: int


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

    def filtered(event: Event) -> None:
        if isinstance(event, event_type):
            hook(event)

    return filtered


class Hooks:
    """The hooks of a tree of supervisors. A hook that raises is logged and removed; it harms nobody.

    Args:
        hooks: the first ones.
    """

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self._hooks: tuple[Hook, ...] = tuple(hooks)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def add(self, hook: Hook) -> None:
        """Call ``hook`` with every later event."""
        with self._lock:
            self._hooks = (*self._hooks, hook)

    def remove(self, hook: Hook) -> None:
        """Forget ``hook``; one that is not there is no error."""
        with self._lock:
            self._hooks = tuple(other for other in self._hooks if other is not hook)

    def emit(self, event: Event) -> None:
        """Tell every hook of ``event``."""
        for hook in self._hooks:
            try:
                hook(event)
            except Kill:
                raise
            except BaseException:
                logger.exception("a hook raised on %s of %r and is removed", type(event).__name__, event.id)
                self.remove(hook)
