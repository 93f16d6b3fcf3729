"""A reference by name: to whichever incarnation has it when something is sent."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pykka

from supervisors.lifecycle.name_waits import Names, TimeLeft, wait_for_name, wait_for_name_async
from supervisors.rules.errors import ActorDead, Stopping
from supervisors.rules.options import hashable, waiting_time


class NamedRef:
    """The actor of a name, across its restarts: each call looks the name up, and waits for a successor if need be.

    What is sent is handled at most once. A question that the actor had not begun with when it ended is asked again of
    its successor; one that it had begun with fails, with the error that ended the actor or with `ActorDead`, since it
    may have had an effect. A message that was told may be lost with the actor's mailbox, as in OTP.

    Args:
        registry: where the name is looked up.
        name: the name.
        patience: seconds >= 0 to wait for an actor of that name, each time that there is none; None for ever.

    Raises:
        NotFound: on every call, if there is no actor of that name in time.
    """

    def __init__(self, registry: Names, name: Hashable, patience: float | None = 5.0) -> None:
        patience = waiting_time(patience, "patience")
        self.name = hashable("name", name)
        self._registry = registry
        self._patience = patience

    def __repr__(self) -> str:
        return f"NamedRef({self.name!r}, now {self._registry.whereis(self.name)})"

    def is_alive(self) -> bool:
        """Return whether there is an actor of that name now."""
        return self._registry.whereis(self.name) is not None

    def resolve(self, timeout: float | None = None) -> Any:
        """Return the reference of the actor that has the name, as soon as there is one.

        Args:
            timeout: seconds to wait; None, the default, for the patience of this reference.
        """
        patience = self._patience if timeout is None else waiting_time(timeout)
        return wait_for_name(self._registry, self.name, patience)

    def tell(self, message: Any) -> None:
        """Send ``message`` to the actor that has the name, and do not wait for an answer."""
        self.resolve().tell(message)

    def ask(self, message: Any, *, timeout: float | None = None) -> Any:
        """Send ``message`` to the actor that has the name, and return the answer.

        Args:
            message: anything.
            timeout: seconds for all of it; None: as long as the answer takes.

        Raises:
            ActorDead: the actor ended when it had begun with the message.
            pykka.Timeout: no answer within ``timeout``.
            Exception: what the actor's code raised; it has crashed by that.
        """
        time_left, ref = TimeLeft(waiting_time(timeout)), None
        while True:
            ref = wait_for_name(self._registry, self.name, time_left.at_most(self._patience), other_than=ref)
            try:
                return ref.ask(message, timeout=time_left.seconds())
            except ActorDead as dead:
                if not _may_be_asked_again(dead, ref):
                    raise

    async def ask_async(self, message: Any, *, timeout: float | None = None) -> Any:
        """Do as `ask` does; the event loop goes on meanwhile.

        Args:
            message: anything.
            timeout: seconds for all of it; None: as long as the answer takes.
        """
        time_left, ref = TimeLeft(waiting_time(timeout)), None
        while True:
            ref = await wait_for_name_async(
                self._registry, self.name, time_left.at_most(self._patience), other_than=ref
            )
            try:
                return await ref.ask_async(message, timeout=time_left.seconds())
            except ActorDead as dead:
                if not _may_be_asked_again(dead, ref):
                    raise

    def proxy(self) -> NamedProxy:
        """Return a proxy of the actor that has the name, across its restarts."""
        return NamedProxy(self)


class NamedProxy:
    """A Pykka proxy by name: each access is to the actor that has the name then.

    A call that is on its way when the actor ends fails, as it does with a Pykka proxy; the next one goes to the
    successor.

    Args:
        named: the reference by name.
    """

    def __init__(self, named: NamedRef) -> None:
        self.__dict__.update(_named=named, _proxy=None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._current(), name, value)

    def __repr__(self) -> str:
        return f"<NamedProxy of {self.__dict__['_named']!r}>"

    def _current(self) -> pykka.ActorProxy[Any]:
        ref, proxy = self._named.resolve(), self._proxy
        if proxy is None or proxy.actor_ref is not ref:
            proxy = self.__dict__["_proxy"] = ref.proxy()  # its making looks at all attributes of the actor
        current: pykka.ActorProxy[Any] = proxy
        return current


def _may_be_asked_again(dead: ActorDead, ref: Any) -> bool:
    """Return whether the actor behind ``ref`` has ended or is about to, and had not begun with the question."""
    return not dead.begun and (isinstance(dead, Stopping) or not ref.is_alive())
