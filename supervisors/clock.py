"""Time, as something that can be passed in."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; `supervisors.testing.ManualClock` is the one for tests."""

    def monotonic(self) -> float:
        """Return seconds since some fixed instant; never goes back."""
        ...

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """Wait until ``event`` is set or ``timeout_s`` seconds of this clock have passed; return whether it is set."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def monotonic(self) -> float:
        """Return `time.monotonic`."""
        return time.monotonic()

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """Wait for ``event`` in real time."""
        return event.wait(timeout_s)
