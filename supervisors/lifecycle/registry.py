"""Names for actors that change with every restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, overload, runtime_checkable

import pykka

from supervisors.lifecycle.named_ref import NamedRef
from supervisors.lifecycle.ref import Ref, ref_to
from supervisors.lifecycle.signals import Kill
from supervisors.rules.errors import ActorDead, AlreadyStarted, BadSpec, NotSupported
from supervisors.rules.options import function, member
from supervisors.rules.printing import shown
from supervisors.threads.forks import PROCESS

A = TypeVar("A", bound=pykka.Actor)

logger = logging.getLogger("supervisors")


@runtime_checkable
class ReleasesNames(Protocol):
    """A reference that frees the names of its actor by itself, at the actor's end."""

    def on_release(self, release: Callable[[], None]) -> bool:
        """Call ``release`` at the end, before any watcher is notified; return False if the actor has already ended."""
        ...


class Keys(Enum):
    """How many actors may have the same key."""

    UNIQUE = "unique"
    """One: the key is a name."""

    DUPLICATE = "duplicate"
    """Any number: the key is a topic, or a group."""


KeysLike: TypeAlias = Keys | Literal["unique", "duplicate"]
"""`Keys`, or their value."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One entry of a registry.

    Args:
        ref: the actor that has the key.
        incarnation: which start of its child that is, from 1.
        value: what was registered with it.
    """

    ref: Any
    incarnation: int
    value: Any = None


@dataclass(frozen=True, slots=True)
class Registered:
    """The notice to listeners that a key was given to an actor.

    Args:
        key: the key.
        registration: its new entry.
    """

    key: Hashable
    registration: Registration


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The notice to listeners that a key is free again, or has lost one of its holders.

    Args:
        key: the key.
        registration: the entry that it had.
    """

    key: Hashable
    registration: Registration


Listener: TypeAlias = Callable[[Registered | Unregistered], None]
"""Called in the thread that made the change, while others wait: it should be quick. A listener that raises is logged
and removed."""


class Registry:
    """A table from keys to actors, shared by threads.

    An entry is gone before any watcher is notified of its actor's end, so that a successor can have the name at once.
    Look-ups take no lock, and `whereis` costs one dictionary read.

    Args:
        keys: unique by default.
        listeners: called with every change, in order.
    """

    def __init__(self, keys: KeysLike = Keys.UNIQUE, *, listeners: Iterable[Listener] = ()) -> None:
        self.keys = member("keys", keys, Keys)
        # Writers replace whole values under the lock, so readers need none. `_first` is what `whereis` reads.
        self._first: dict[Hashable, Any] = {}
        self._entries: dict[Hashable, tuple[Registration, ...]] = {}
        self._keys_of: dict[Any, list[Hashable]] = {}
        if not hasattr(listeners, "__iter__") or isinstance(listeners, str | type):
            raise BadSpec(f"expected a list of listeners, got {shown(listeners)}")
        self._listeners = [function("listener", listener) for listener in listeners]
        self._lock = threading.RLock()
        PROCESS.tell_of_forks(self)

    # Look-ups

    @overload
    @overload
    def whereis(self, key: Hashable) -> Any: ...

    @overload
    def whereis(self, key: Hashable, actor_class: type[A]) -> Ref[A] | None: ...

    def whereis(self, key: Hashable, actor_class: type[Any] | None = None) -> Any | None:
        """Return the reference that ``key`` stands for now (the oldest one, of several), or None.

        Args:
            key: the name.
            actor_class: of the actor, for type checkers; by default any.

        Raises:
            BadSpec: it is an actor of another class.
        """
        ref = self._first.get(key)
        return ref if actor_class is None else ref_to(actor_class, ref)

    def ref(self, name: Hashable, *, patience: float | None = 5.0) -> NamedRef:
        """Return a reference to whichever actor has ``name`` when something is sent to it.

        Args:
            name: the key; no actor need have it now.
            patience: see `NamedRef`.
        """
        return NamedRef(self, name, patience)

    def lookup(self, key: Hashable) -> Registration | None:
        """Return the entry of ``key`` (the oldest one, of several), or None."""
        entries = self._entries.get(key)
        return entries[0] if entries else None

    def lookup_all(self, key: Hashable) -> tuple[Registration, ...]:
        """Return all entries of ``key``, the oldest first."""
        return self._entries.get(key, ())

    def values(self, key: Hashable, ref: Any) -> list[Any]:
        """Return what ``ref`` has registered under ``key``."""
        return [entry.value for entry in self.lookup_all(key) if entry.ref is ref]

    def keys_of(self, ref: Any) -> list[Hashable]:
        """Return the keys that ``ref`` has, the oldest first; one for each registration."""
        with self._lock:
            return list(self._keys_of.get(ref, ()))

    def names(self) -> list[Hashable]:
        """Return all keys, the oldest first."""
        with self._lock:
            return list(self._first)

    def select(self, wanted: Callable[[Hashable, Registration], bool]) -> list[tuple[Hashable, Registration]]:
        """Return all entries for which ``wanted(key, registration)`` is true."""
        function("wanted", wanted)
        with self._lock:
            pairs = [(key, entry) for key, entries in self._entries.items() for entry in entries]
        return [(key, entry) for key, entry in pairs if wanted(key, entry)]

    def count(self) -> int:
        """Return the number of entries."""
        with self._lock:
            return sum(map(len, self._entries.values()))

    def dispatch(self, key: Hashable, message: Any) -> int:
        """Tell ``message`` to every actor registered under ``key``; return to how many.

        Raises:
            Exception: what the first one raised that could not be told, when all others have been.
        """
        entries = self.lookup_all(key)
        errors = []
        for entry in entries:
            try:
                entry.ref.tell(message)
            except Exception as error:  # noqa: BLE001 - a full mailbox, or a reference of another host
                errors.append(error)
        if errors:
            raise errors[0]
        return len(entries)

    # Changes

    def register(self, key: Hashable, ref: Any, *, value: Any = None, incarnation: int | None = None) -> None:
        """Give ``key`` to ``ref`` until it ends.

        Args:
            key: anything hashable.
            ref: an actor's reference. A reference of another host stays registered until `unregister`, which its
                supervisor calls.
            value: anything; `lookup` returns it.
            incarnation: which start of its child it is; by default what ``ref`` says, else 1.

        Raises:
            AlreadyStarted: keys are unique and another actor has this one.
            ActorDead: the actor has ended.
        """
        if ref is None or isinstance(ref, type):
            raise BadSpec(f"expected the reference of an actor to register as {shown(key)}, got {shown(ref)}")
        number = getattr(ref, "incarnation", 1) if incarnation is None else incarnation
        with self._lock:
            if self.keys is Keys.UNIQUE and key in self._first:
                holder = self._first[key]
                raise AlreadyStarted(f"expected the name {key!r} to be free, it belongs to {holder}", key, holder)
            is_new = ref not in self._keys_of
            self._add(key, Registration(ref, number, value))
        if is_new and isinstance(ref, ReleasesNames) and not ref.on_release(partial(self._release, ref)):
            self._release(ref)
            raise ActorDead(f"expected a living actor to register as {key!r}, {ref} has ended")

    def unregister(self, key: Hashable, ref: Any = None) -> None:
        """Free ``key``, or only what ``ref`` has of it if that is given; a key that is free already is no error."""
        with self._lock:
            for entry in self.lookup_all(key):
                if ref is None or entry.ref is ref:
                    self._drop(key, entry)

    def unregister_match(self, key: Hashable, wanted: Callable[[Registration], bool]) -> None:
        """Remove the entries of ``key`` for which ``wanted`` is true."""
        function("wanted", wanted)
        with self._lock:
            for entry in self.lookup_all(key):
                if wanted(entry):
                    self._drop(key, entry)

    def update_value(self, key: Hashable, ref: Any, update: Callable[[Any], Any]) -> Any:
        """Replace the value that ``ref`` has registered under the unique ``key`` by ``update(value)``, and return it.

        Raises:
            NotSupported: keys are not unique.
            KeyError: ``ref`` does not have this key.
        """
        function("update", update)
        if self.keys is not Keys.UNIQUE:
            raise NotSupported("values of duplicate keys cannot be updated; unregister and register again", key)
        with self._lock:
            entry = self.lookup(key)
            if entry is None or entry.ref is not ref:
                raise KeyError(key)
            entry = replace(entry, value=update(entry.value))
            self._entries[key] = (entry,)
            return entry.value

    def add_listener(self, listener: Listener) -> None:
        """Call ``listener`` with every later change."""
        with self._lock:
            self._listeners.append(function("listener", listener))

    def remove_listener(self, listener: Listener) -> None:
        """Undo `add_listener`; one that is not there is no error."""
        with self._lock:
            self._listeners = [other for other in self._listeners if other is not listener]

    def forget_parent(self) -> None:
        """Forget the actors of the process that this one was forked from."""
        self._lock = threading.RLock()
        self._first, self._entries, self._keys_of = {}, {}, {}

    # Under the lock

    def _add(self, key: Hashable, entry: Registration) -> None:
        self._entries[key] = (*self._entries.get(key, ()), entry)
        self._first.setdefault(key, entry.ref)
        self._keys_of.setdefault(entry.ref, []).append(key)
        self._announce(Registered(key, entry))

    def _drop(self, key: Hashable, entry: Registration) -> None:
        left = tuple(other for other in self._entries[key] if other is not entry)
        if left:
            self._entries[key] = left
            self._first[key] = left[0].ref
        else:
            del self._entries[key], self._first[key]
        self._keys_of[entry.ref].remove(key)
        if not self._keys_of[entry.ref] and not isinstance(entry.ref, ReleasesNames):
            del self._keys_of[entry.ref]
        self._announce(Unregistered(key, entry))

    def _release(self, ref: Any) -> None:
        with self._lock:
            for key in dict.fromkeys(self._keys_of.get(ref, ())):
                self.unregister(key, ref)
            self._keys_of.pop(ref, None)

    def _announce(self, event: Registered | Unregistered) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Kill:  # of the actor in whose thread this is
                raise
            except BaseException:
                logger.exception("a listener raised on %r and is removed", event)
                self.remove_listener(listener)
