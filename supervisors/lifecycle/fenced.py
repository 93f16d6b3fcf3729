"""Threads that were abandoned and still run."""

from __future__ import annotations

import sys
import traceback
from typing import Protocol


class Fenced(Protocol):
    """An actor that was abandoned, as its state."""

    label: str
    late_sends: int


FENCED: dict[int, Fenced] = {}
"""The actors behind these threads, by the threads' identifiers: the one thing here that belongs to the whole process,
because threads do. Empty in a healthy program; an entry goes when its thread ends after all."""


def abandoned_threads() -> list[str]:
    """Return the names of the actors that were abandoned and whose threads still run, in this process."""
    return [state.label for state in tuple(FENCED.values())]


def stack_of(ident: int | None) -> str:
    """Return the calls that the thread ``ident`` is in, innermost last; empty if there is no such thread."""
    frame = None if ident is None else sys._current_frames().get(ident)
    return "" if frame is None else "".join(traceback.format_stack(frame))
