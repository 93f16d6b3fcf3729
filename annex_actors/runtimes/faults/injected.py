"""Faults that are injected into a layer while a run goes on, in the middle of its work: at its next `Point`."""

from __future__ import annotations

import time
from enum import Enum
from threading import Event

from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.runtimes.faults.planned import InjectedCrash

SLOW_S = 0.05
"""Seconds that a slow layer takes longer, once."""

_POLL_S = 0.01


class Fault(Enum):
    """What can go wrong within a layer's own thread."""

    EXCEPTION = "exception"
    """It raises."""

    STORE = "store"
    """The store refuses its next commit."""

    SLOW = "slow"
    """It takes much longer than ever before, but not for ever."""

    STUCK = "stuck"
    """It never comes back, and swallows what is raised in it."""


class InjectedFaults(Instrument):
    """Injects faults that are added while the run goes on."""

    def __init__(self) -> None:
        self._coming: dict[int, Fault] = {}
        self._over = Event()

    def add(self, layer: int, fault: Fault) -> None:
        """Inject a fault at the next point of a layer, once; the last of several counts."""
        self._coming[layer] = fault

    def end(self) -> None:
        """Release the layers that are stuck."""
        self._over.set()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Let the fault happen that was added for this layer."""
        coming = self._coming.get(layer)
        if coming is not None and (coming is not Fault.STORE or point is Point.COMMIT):
            del self._coming[layer]
            self._happen(coming)

    def _happen(self, fault: Fault) -> None:
        match fault:
            case Fault.EXCEPTION:
                raise InjectedCrash("an exception out of the blue")
            case Fault.STORE:
                raise OSError("the store refuses the commit")
            case Fault.SLOW:
                time.sleep(SLOW_S)
            case Fault.STUCK:
                self._hang()

    def _hang(self) -> None:
        while not self._over.is_set():
            try:
                time.sleep(_POLL_S)
            except BaseException:  # noqa: BLE001 - the kill that a stubborn library swallows
                continue
