"""Time, as something that can be passed in."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from supervisors.rules.errors import BadSpec
from supervisors.rules.printing import shown
from supervisors.threads.latch import Latch


class Clock(Protocol):
    """Where the time comes from; `supervisors.testing.ManualClock` is the one for tests."""

    def monotonic(self) -> float:
        """Return the seconds since some fixed instant; they never go back."""
        ...

    def wait(self, latch: Latch, timeout: float | None) -> bool:
        """Wait until ``latch`` is set or ``timeout`` seconds of this clock have passed; return whether it is set.

        Args:
            latch: what to wait for.
            timeout: seconds of this clock; None waits for ever.
        """
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def monotonic(self) -> float:
        """Return `time.monotonic`."""
        return time.monotonic()

    def wait(self, latch: Latch, timeout: float | None) -> bool:
        """Wait for ``latch`` in real time."""
        return latch.wait(timeout if timeout is None else min(timeout, threading.TIMEOUT_MAX))


def checked_clock(clock: Clock) -> Clock:
    """Return ``clock`` if it is one.

    Raises:
        BadSpec: it is none.
    """
    if isinstance(clock, type) or not all(callable(getattr(clock, name, None)) for name in ("monotonic", "wait")):
        raise BadSpec(f"expected `clock` to be a Clock, with `monotonic` and `wait`, got {shown(clock)}")
    return clock
