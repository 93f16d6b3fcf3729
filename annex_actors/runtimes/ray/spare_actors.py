"""Spare actors, already started: to start a process and to import the program takes most of the time of a recovery."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from annex_actors.runtimes.ray.actor_worker import ActorWorker
from annex_actors.runtimes.ray.places import Options
from annex_actors.runtimes.ray.planned_places import reserves
from supervisors import StartError


class SpareActors:
    """All actors of a run that host peers: those that wait, and those that were taken.

    Args:
        start: starts an actor with these options, without waiting.
        count: how many wait at a time for each kind of place; an actor that is taken is replaced. None waits where
            actors reserve a part of their node, since a spare would reserve it twice.
    """

    def __init__(self, start: Callable[[Options], ActorWorker], count: int) -> None:
        self._start = start
        self._count = count
        self._waiting: list[ActorWorker] = []
        self._taken: list[ActorWorker] = []
        self._lock = Lock()
        self._closed = False

    def add(self, options: Options) -> None:
        """Start one more actor.

        Raises:
            StartError: the run is ending.
        """
        with self._lock:  # so that `close` finds every actor that was started
            if self._closed:
                raise StartError("expected a run that goes on, got one at its end")
            self._waiting.append(self._start(options))

    def take(self, options: Options) -> ActorWorker:
        """Return an actor that was started with these options, and start another in its place, without waiting.

        Raises:
            StartError: see `add`.
        """
        with self._lock:
            like = [each for each in self._waiting if each.options == options]
        spares = 0 if reserves(options) else self._count
        for _ in range(len(like), spares + 1):
            self.add(options)
        with self._lock:
            worker = next(each for each in self._waiting if each.options == options)
            self._waiting.remove(worker)
            self._taken = [*(each for each in self._taken if not each.is_over), worker]
        return worker

    def close(self) -> None:
        """End all actors."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for worker in waiting:
            worker.abandon()
        for worker in self._taken:
            worker.close()
