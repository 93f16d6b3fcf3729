"""An event that also calls back, so that a clock of any kind can wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Latch(threading.Event):
    """A `threading.Event` that is set once and for good, and then makes the calls registered with it."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def set(self) -> None:
        """Set the latch, and make every call given to `on_set`, in the thread that sets it first."""
        with self._lock:
            super().set()
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def on_set(self, call: Callable[[], None]) -> None:
        """Make ``call`` when the latch is set, at once if it is."""
        with self._lock:
            if not self.is_set():
                self._calls.append(call)
                return
        call()
