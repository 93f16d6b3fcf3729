"""InjectedFaults that befall a layer in the middle of its work, at the next place where a probe looks in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from enum import Enum
from threading import Event

from annex_actors.peers.stage import Point
from annex_actors.runtimes.faults.planned import Crash, CrashPlan, InjectedCrash, Place

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


class InjectedFaults(CrashPlan):
    """A crash plan to which troubles can be added while the run goes on.

    Args:
        crashes: see `CrashPlan`.
        on_crash: see `CrashPlan`.
    """

    def __init__(self, crashes: Iterable[Crash] = (), on_crash: Callable[[Place], None] | None = None) -> None:
        super().__init__(crashes, on_crash)
        self._coming: dict[int, Fault] = {}
        self._over = Event()

    def add(self, layer: int, trouble: Fault) -> None:
        """Let something go wrong at the next place of a layer, once; the last of several counts."""
        self._coming[layer] = trouble

    def end(self) -> None:
        """Let go of who is stuck."""
        self._over.set()

    def probe(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Let happen what is coming, then what the plan says."""
        coming = self._coming.get(layer)
        if coming is not None and (coming is not Fault.STORE or point is Point.COMMIT):
            del self._coming[layer]
            self._befall(coming)
        super().probe(point, layer, step, microbatch)

    def _befall(self, trouble: Fault) -> None:
        match trouble:
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
