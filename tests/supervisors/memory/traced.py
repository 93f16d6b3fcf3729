"""Actors whose parts are traced, so that a test can tell whether they are still in memory."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from supervisors import (
    ChildSpec,
    Ignore,
    MailboxLimit,
    Overflow,
    Ref,
    ScheduledActor,
    Scheduler,
    Supervisor,
)
from tests.supervisors.stubs import Died, Worker

BORN: list[tuple[str, weakref.ref[Any]]] = []


"""Everything that must be gone in the end."""


def trace(*things: Any) -> None:
    BORN.extend((repr(thing), weakref.ref(thing)) for thing in things)


class Traced(Worker):
    """A worker whose parts are traced."""

    def __init__(self, *names: Any) -> None:
        super().__init__()
        trace(self, self.actor_ref, self.actor_inbox)

    def on_start(self) -> None:
        trace(threading.current_thread())


class Small(Traced):
    """A worker with room for one message."""

    mailbox_limit = MailboxLimit(1, Overflow.FAIL)


class Failing(Traced):
    """Crashes in its first hook."""

    def on_start(self) -> None:
        raise Died("in on_start")


class Broken(Traced):
    """Crashes in its constructor, after the superclass's."""

    def __init__(self) -> None:
        super().__init__()
        raise Died("in __init__")


class Unwilling(Traced):
    """Does not want to run."""

    def on_start(self) -> None:
        raise Ignore


class TracedScheduled(ScheduledActor):
    """The same on a scheduler; does what it is told."""

    kill_grace_s = 0.05

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        trace(self, self.actor_ref, self.actor_inbox)

    def on_receive(self, message: Any) -> Any:
        if message == "die":
            raise Died("told to")
        return message(self) if callable(message) else message


def traced(tree: Any) -> Any:
    trace(tree, tree.actor_inbox)
    return tree


def nested() -> list[ChildSpec]:
    inner = [ChildSpec.of(Traced, id=id) for id in "ab"]
    return [
        ChildSpec.of(Supervisor, inner, strategy=strategy, id=strategy)
        for strategy in ("one_for_one", "one_for_all", "rest_for_one")
    ]


def scheduled(scheduler: Scheduler) -> Ref[TracedScheduled]:
    return TracedScheduled.start(scheduler)


def cycles() -> list[str]:
    """Return everything of ours that only the collector would free."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return [
            repr(each) for each in gc.garbage if type(each).__module__.partition(".")[0] in ("supervisors", "pykka")
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


class Carrier(Traced):
    """Crashes with something in hand."""

    def on_receive(self, message: Any) -> Any:
        parcel = Parcel()
        trace(parcel)
        raise Died(f"of {parcel}")


class Parcel:
    """Something that an actor works on."""
