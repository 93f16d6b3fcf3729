"""The clock of a run's events: each host stamps an event where and when it is emitted."""

from __future__ import annotations

import time
from typing import TypeVar

from annex_actors.protocol.events import Event

_Event = TypeVar("_Event", bound=Event)

now = time.monotonic
"""Seconds since any instant; the same in all processes of a machine, so that times from workers can be compared."""


def stamped(event: _Event) -> _Event:
    """Return an event that happens now, with its time."""
    return event.at(now())
