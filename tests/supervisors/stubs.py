"""Actors and helpers that the tests of `supervisors` share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from supervisors import (
    Actor,
    ChildReady,
    Event,
    Reason,
    Ref,
    StartContext,
    ThreadChild,
)
from supervisors.lifecycle.launch import create, launch

PATIENCE_S = 20.0
"""Real seconds after which a test that waits has failed."""


class Died(Exception):
    """How a `Worker` crashes."""


class Gate:
    """Where an actor can be held up, and seen to be."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def pass_through(self) -> None:
        """Wait until the gate is opened."""
        self.entered.set()
        self.opened.wait()


class Worker(Actor):
    """Does what it is told: ping, stop, die, a `Reason` to exit for, a `Gate` to wait at, a function to call."""

    kill_grace_s = 0.05

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def on_receive(self, message: Any) -> Any:
        match message:
            case "ping":
                return self.incarnation
            case "stop":
                self.exit()
            case "die":
                raise Died("told to")
            case Reason():
                self.exit(message)
            case Gate():
                message.pass_through()
            case _ if callable(message):
                return message(self)
        return None


class Stubborn(Worker):
    """Ends for a reason of its own when told to stop."""

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason = reason

    def on_stop(self) -> None:
        self.exit(self.reason)


class Recorder:
    """A hook that remembers every event, and can be waited at."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[Event], bool]) -> Event:
        """Wait for the first event that is wanted, and return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self.events)), PATIENCE_S), self.events
            return next(filter(wanted, self.events))

    def ready(self, id: str, incarnation: int) -> None:
        """Wait until that incarnation of the child is ready."""
        self.wait_for(lambda e: isinstance(e, ChildReady) and (e.id, e.incarnation) == (id, incarnation))

    def wait_count(self, kind: type[Event], count: int, id: str | None = None) -> None:
        """Wait until there have been so many events of one kind, and perhaps of one child."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind, id)) >= count, PATIENCE_S), self.events

    def of(self, kind: type[Event], id: str | None = None) -> list[Event]:
        """Return the events of one kind, and perhaps of one child."""
        return [e for e in tuple(self.events) if isinstance(e, kind) and id in (None, e.id)]


def down(ref: Any) -> Reason:
    """Wait until an actor has ended, and return why."""
    reason: Reason | None = ref.wait(PATIENCE_S)
    assert reason is not None, f"{ref} has not ended"
    return reason


def thread_child(actor_class: type[Actor], context: StartContext, *args: Any, **kwargs: Any) -> ThreadChild:
    """Start an actor as a child: what a ``start`` function of one's own does."""
    return ThreadChild(launch(create(actor_class, context, args, kwargs)))


def tell_and_see_die(ref: Ref[Any], message: Any = "die") -> Reason:
    """Tell an actor to end, and wait until it has."""
    ref.tell(message)
    return down(ref)
