"""The private parts of Pykka that this package relies on. No other module touches them.

Public hooks alone cannot give supervision: a failed ``ask`` does not stop a Pykka actor, a `BaseException` stops every
actor of the process, and an ``ask`` that races with a stop may never be answered. The seams, each with its test in
``tests/supervisors/lifecycle/test_pykka_seams.py``:

- ``Actor._create_actor_inbox`` makes the inbox that ``Actor.__init__`` stores;
- ``Actor._start_actor_loop`` is what ``start`` calls;
- ``Actor._actor_ref`` is what the property ``actor_ref`` returns;
- ``Actor._handle_receive`` knows the messages of proxies;
- ``messages._ActorStop`` is the message of ``ActorRef.stop`` and ``Actor.stop``.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import pykka
from pykka import messages

StopMessage: type = messages._ActorStop
"""The class of the message that asks a Pykka actor to stop."""

PROXY_MESSAGES: frozenset[type] = frozenset({messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr})
"""The classes of the messages that proxies send."""


class PykkaSeam(pykka.ThreadingActor):
    """A Pykka actor whose inbox, reference, thread and loop are given by the subclass."""

    @classmethod
    @abstractmethod
    def make_mailbox(cls) -> Any:
        """Return a new inbox: anything with ``put``, ``get`` and ``empty``."""

    @abstractmethod
    def make_ref(self) -> pykka.ActorRef[Any]:
        """Return the reference by which others know this actor."""

    @abstractmethod
    def make_thread(self, target: Callable[[], None]) -> threading.Thread:
        """Return the thread that will call ``target``, not yet started."""

    @abstractmethod
    def run(self) -> None:
        """Do all that the actor's thread does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._actor_ref = self.make_ref()

    def start_thread(self) -> None:
        """Start the thread that calls `run`."""
        self._start_actor_loop()

    def handle_proxy_message(self, message: Any) -> Any:
        """Handle the message of a proxy, and return the answer."""
        return self._handle_receive(message)

    @classmethod
    def _create_actor_inbox(cls) -> Any:
        return cls.make_mailbox()

    def _start_actor_loop(self) -> None:
        self.make_thread(self.run).start()
