"""The private parts of Pykka that this package relies on. No other module touches them.

Public hooks alone cannot give supervision: a failed ``ask`` does not stop a Pykka actor, a `BaseException` stops every
actor of the process, and an ``ask`` that races with a stop may never be answered. The seams, each with its test in
``tests/supervisors/lifecycle/test_pykka_seams.py``:

- ``Actor._create_actor_inbox`` makes the inbox that ``Actor.__init__`` stores;
- ``Actor._actor_ref`` is what the property ``actor_ref`` returns;
- ``Actor._handle_receive`` knows the messages of proxies;
- ``messages._ActorStop`` is the message of ``ActorRef.stop`` and ``Actor.stop``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

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
        super().__init__()
        self.actor_stopped = self._actor_state.stopped  # a `Latch`, which has what Pykka uses of an `Event`
        self._actor_ref = self._actor_kind.make_ref(self)

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]  # Pykka's is static, and called on the instance
        return self._actor_state.mailbox


def handle_proxy_message(actor: pykka.Actor, message: Any) -> Any:
    """Handle the message of a proxy, and return the answer."""
    return pykka.Actor._handle_receive(actor, message)
