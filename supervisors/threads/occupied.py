"""A thread that says what runs on it, so that code which waits can tell on whose behalf."""

from __future__ import annotations

import threading
from typing import Any


class OccupiedThread(threading.Thread):
    """A thread that runs one thing at a time, the occupant."""

    occupant: Any = None


def occupant() -> Any:
    """Return what runs on the current thread; None on a thread that is not of this package, or idle."""
    return getattr(threading.current_thread(), "occupant", None)
