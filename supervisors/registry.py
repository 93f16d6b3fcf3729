"""Names for actors that change with every restart."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from supervisors.errors import ActorDead, AlreadyStarted
from supervisors.ref import Ref


@dataclass(frozen=True, slots=True)
class Registration:
    """One entry of a registry.

    Args:
        ref: who has the name.
        incarnation: which start of its child that is, from 1.
        value: what was registered with it.
    """

    ref: Any
    incarnation: int
    value: Any = None


class Registry:
    """A table from names to actors, shared by threads.

    A name belongs to one actor at a time and is free again before anybody hears of its owner's end. Look-ups take no
    lock and cost one dictionary read.
    """

    def __init__(self) -> None:
        self._refs: dict[Any, Any] = {}
        self._entries: dict[Any, Registration] = {}
        self._lock = threading.Lock()

    def whereis(self, name: Any) -> Any | None:
        """Return the reference that ``name`` stands for now, or None."""
        return self._refs.get(name)

    def lookup(self, name: Any) -> Registration | None:
        """Return the whole entry of ``name``, or None."""
        return self._entries.get(name)

    def register(self, name: Any, ref: Any, *, value: Any = None, incarnation: int | None = None) -> None:
        """Give ``name`` to ``ref`` until it ends.

        Args:
            name: anything hashable.
            ref: an actor's reference; another host's reference stays registered until `unregister`.
            value: anything, to be found by `lookup`.
            incarnation: which start of its child it is; by default what ``ref`` says, else 1.

        Raises:
            AlreadyStarted: another actor has the name.
            ActorDead: the actor has ended.
        """
        with self._lock:
            holder = self._refs.get(name)
            if holder is not None:
                raise AlreadyStarted(f"expected the name {name!r} to be free, it belongs to {holder}", name, holder)
            number = getattr(ref, "incarnation", 1) if incarnation is None else incarnation
            self._entries[name] = Registration(ref, number, value)
            self._refs[name] = ref
        if isinstance(ref, Ref) and not ref.cell.on_release(lambda: self.unregister(name, ref)):
            self.unregister(name, ref)
            raise ActorDead(f"expected a living actor to register as {name!r}, {ref} has ended")

    def unregister(self, name: Any, ref: Any = None) -> None:
        """Free ``name``, if ``ref`` is None or has it; a name that is free already is no error."""
        with self._lock:
            holder = self._refs.get(name)
            if holder is not None and (ref is None or holder is ref):
                del self._refs[name]
                del self._entries[name]

    def names(self) -> list[Any]:
        """Return all names, in the order of registration."""
        return list(self._refs)
