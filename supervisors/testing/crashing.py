"""Crashes on order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from supervisors.actor import Actor
from supervisors.children.spec import check_actor_class
from supervisors.rules.errors import BadSpec
from supervisors.rules.printing import shown

A = TypeVar("A", bound=Actor)


class ScriptedCrash(Exception):
    """Raised where the script of `crashing` says so."""


def crashing(actor_class: type[A], script: Mapping[int, int]) -> type[A]:
    """Return a subclass of ``actor_class`` that crashes at chosen messages.

    Args:
        actor_class: what to disturb.
        script: for each incarnation that is to crash, the number of the message, from 1, that it crashes at instead of
            handling it. ``{1: 3, 2: 1}``: the first one at its third message, the second one at its first, and no more.
    """
    check_actor_class(actor_class)
    if not isinstance(script, Mapping):
        raise BadSpec(f"expected `script` to be a dict of incarnations and messages, got {shown(script)}")

    class Crashing(actor_class):  # type: ignore[misc, valid-type]  # a class that is a variable
        _handled = 0

        def on_receive(self, message: Any) -> Any:
            self._handled += 1
            if script.get(self.incarnation) == self._handled:
                raise ScriptedCrash(f"message {self._handled} of incarnation {self.incarnation}: {message!r}")
            return super().on_receive(message)

    Crashing.__name__ = Crashing.__qualname__ = actor_class.__name__
    return cast("type[A]", Crashing)
