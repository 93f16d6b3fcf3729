"""The observers of a run: each is an actor, so that one that raises, hangs or is slow affects nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from annex_actors.base.shown import shown
from annex_actors.protocol.events import Event
from annex_actors.runtimes.program import Observer
from supervisors import Actor, ChildSpec, Registry, Restart

logger = logging.getLogger(__name__)


def log_failure(observer: Observer) -> None:
    """Log, once, that an observer is removed because of the exception that is being handled: it reaches no caller."""
    logger.exception("an observer failed and is removed: %s", shown(observer))


class ObserverActor(Actor):
    """Hosts one observer; an exception of the observer ends this actor only."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._observer = observer

    def on_receive(self, message: Any) -> None:
        """Show the observer an event."""
        try:
            self._observer.on_event(message)
        except Exception:
            log_failure(self._observer)
            raise

    def on_stop(self) -> None:
        """Show the observer the events that were sent before the stop, which has overtaken them."""
        for message in self.take_messages():
            self.on_receive(message)


class Observers:
    """All observers of a run.

    Args:
        observers: in the order in which they are shown events.
        registry: where their actors are found.
        trace: hears of the events at once, without an actor of its own; None: the run is not traced.
    """

    def __init__(self, observers: Sequence[Observer], registry: Registry, trace: Observer | None = None) -> None:
        self._trace = trace
        self._observers = {f"observer-{index}": observer for index, observer in enumerate(observers)}
        self._registry = registry

    def children(self) -> list[ChildSpec]:
        """Return their specifications, which are temporary: an observer that fails is removed."""
        return [
            ChildSpec.of(ObserverActor, observer, id=name, name=name, restart=Restart.TEMPORARY)
            for name, observer in self._observers.items()
        ]

    def show(self, event: Event) -> None:
        """Show an event to each observer, without waiting."""
        if self._trace is not None:
            self._trace.on_event(event)
        for name in self._observers:
            observer = self._registry.whereis(name)
            if observer is not None:
                observer.tell(event)
