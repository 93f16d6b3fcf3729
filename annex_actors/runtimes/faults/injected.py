"""Faults that are injected into a layer while a run goes on, in the middle of its work: at its next `Point`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from threading import Event

from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.runtimes import clock
from annex_actors.runtimes.faults.planned import InjectedCrash

SLOW_S = 0.05
"""How much longer a slow layer takes, once, in seconds."""

_POLL_S = 0.01


class LayerFault(Enum):
    """A fault within a layer, in the thread that does its work."""

    EXCEPTION = "exception"
    """It raises."""

    STORE = "store"
    """The store refuses its next commit."""

    SLOW = "slow"
    """It takes much longer than ever before, but not for ever."""

    STUCK = "stuck"
    """It never returns, and swallows what is raised in it."""


@dataclass(frozen=True, slots=True)
class Strike:
    """An injected fault that has happened: in which layer, and when, on the clock of a run's events."""

    layer: int
    at: float


class InjectedFaults(Instrument):
    """Injects faults into the layers of this process; `inject` may be called from any thread.

    ``strikes`` are the faults that have happened, here or in other processes, in the order in which this process heard
    of them: a fault that is injected after a layer's last work never happens.

    Args:
        on_strike: called just before a fault happens here; None: it is only recorded.
    """

    def __init__(self, on_strike: Callable[[Strike], None] | None = None) -> None:
        self.strikes: list[Strike] = []
        self._on_strike = on_strike
        self._next: dict[int, LayerFault] = {}
        self._over = Event()

    def inject(self, layer: int, fault: LayerFault) -> None:
        """Inject a fault at the next point of a layer, once; it replaces one that has not happened yet."""
        self._next[layer] = fault

    def end(self) -> None:
        """Release the layers that are stuck."""
        self._over.set()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Let the fault of this layer happen, if there is one."""
        fault = self._next.get(layer)
        if fault is not None and (fault is not LayerFault.STORE or point is Point.COMMIT):
            if self._next.pop(layer, None) is None:  # it happens in another replica of the layer's stage
                return
            self.record(Strike(layer, clock.now()))
            self._happen(fault)

    def record(self, strike: Strike) -> None:
        """Record a fault that happens; an append, so that a kill leaves no lock."""
        self.strikes.append(strike)
        if self._on_strike is not None:
            self._on_strike(strike)

    def _happen(self, fault: LayerFault) -> None:
        match fault:
            case LayerFault.EXCEPTION:
                raise InjectedCrash("an exception out of the blue")
            case LayerFault.STORE:
                raise OSError("the store refuses the commit")
            case LayerFault.SLOW:
                time.sleep(SLOW_S)
            case LayerFault.STUCK:
                self._hang()

    def _hang(self) -> None:
        while not self._over.is_set():
            try:
                time.sleep(_POLL_S)
            except BaseException:  # noqa: BLE001 - a stubborn library swallows a kill like this
                continue
