"""The private parts of Pykka that this package relies on. No other module touches them.

Public hooks alone cannot give supervision: a failed ``ask`` does not stop a Pykka actor, a `BaseException` stops every
actor of the process, and an ``ask`` that races with a stop may never be answered. The seams, each with its test in
``tests/supervisors/lifecycle/test_pykka_seams.py``:

- ``Actor.__init__`` sets the four attributes that are set here, and no others;
- ``Actor._actor_ref`` is what the property ``actor_ref`` returns;
- ``Actor._handle_receive`` knows the messages of proxies;
- ``messages._ActorStop`` is the message of ``ActorRef.stop`` and ``Actor.stop``;
- ``ActorProxy._actor`` is where a proxy finds its actor, ``_attr_path`` the attribute that it is for, and
  ``_actor_proxies`` those that it has made, each an `ActorProxy`; ``ActorRef._actor_weakref()`` is the actor, or None;
- ``Future._get_hook`` is how a future is made from another, by ``map`` and its like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol
from uuid import uuid4

import pykka
from pykka import messages

StopMessage: type = messages._ActorStop
"""The class of the message that asks a Pykka actor to stop."""

PROXY_MESSAGES: frozenset[type] = frozenset({messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr})
"""The classes of the messages that proxies send."""


class Kind(Protocol):
    """What the seam asks of a kind of actor."""

    def make_ref(self, actor: Any) -> pykka.ActorRef[Any]:
        """Return the reference by which others know ``actor``."""


class PykkaSeam(pykka.ThreadingActor):
    """A Pykka actor whose inbox, end and reference come from its kind, and its state, set before ``__init__``."""

    _actor_kind: ClassVar[Kind]
    _actor_state: Any

    def __init__(self) -> None:
        # Not Pykka's, which would make another event and another reference: that costs a tenth of a start.
        state = self._actor_state
        self.actor_urn = uuid4().urn
        self.actor_inbox = state.mailbox
        self.actor_stopped = state.ended  # a `Latch`, which has what Pykka uses of an `Event`
        self._actor_ref = self._actor_kind.make_ref(self)


class FutureSeam(pykka.ThreadingFuture[Any]):
    """A future of Pykka whose outcome is kept by the subclass, unless another future makes it."""

    def __init__(self) -> None:
        pykka.Future.__init__(self)  # not `ThreadingFuture`'s, whose lock and condition cost as much as a question

    @property
    def is_made_of_another(self) -> bool:
        """Whether the outcome is computed from that of another future, when it is asked for."""
        return self._get_hook is not None

    def get_from_other(self, timeout: float | None) -> Any:
        """Return the outcome of a future that is made of another."""
        return pykka.Future.get(self, timeout=timeout)

    def make_of_other(self, compute: Callable[[float | None], Any]) -> None:
        """Have ``compute`` return the outcome."""
        pykka.Future.set_get_hook(self, compute)


class ProxySeam(pykka.ActorProxy[Any]):
    """A proxy that does not keep its actor. Pykka's does, with all that the actor worked on, after its end too."""

    @property
    def _actor(self) -> Any:
        actor = self.actor_ref._actor_weakref()
        if actor is None:
            raise pykka.ActorDeadError(f"{self.actor_ref} has ended")
        return actor

    @_actor.setter
    def _actor(self, actor: Any) -> None:
        """Drop what Pykka would keep."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if type(found) is pykka.ActorProxy:  # of an attribute that is marked as traversable
            path = found._attr_path
            found = self._actor_proxies[path] = ProxySeam(actor_ref=self.actor_ref, attr_path=path)
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, pykka.ActorProxy):
            return False
        return self.actor_ref is other.actor_ref and self._attr_path == other._attr_path

    def __hash__(self) -> int:
        return hash((self.actor_ref, self._attr_path))


def handle_proxy_message(actor: pykka.Actor, message: Any) -> Any:
    """Handle the message of a proxy, and return the answer."""
    return pykka.Actor._handle_receive(actor, message)
