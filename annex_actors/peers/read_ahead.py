"""Ask the reader for the inputs of the next steps, a bounded number ahead, and keep them until they are fed."""

from __future__ import annotations

from annex_actors.base.types import Floats
from annex_actors.protocol.messages import WHOLE_STEP, Post
from annex_actors.protocol.reading import Read, Rows
from annex_actors.protocol.routing import Routing

AHEAD = 2
"""Steps that are read ahead of those which may be fed: while one is handed over, the next one is read."""


class ReadAhead:
    """The inputs of steps that are not fed yet.

    Args:
        run: the run's name.
        routing: the chain of stages.
        first: the first step to be fed.
        end: the step after the last.
    """

    def __init__(self, run: str, routing: Routing, first: int, end: int) -> None:
        self._run = run
        self._routing = routing
        self._asked = first
        self._end = end
        self._missing: dict[int, None] = {}
        self._rows: dict[int, Floats] = {}

    def __contains__(self, step: int) -> bool:
        """Return whether the inputs of a step are here."""
        return step in self._rows

    def ask(self, until: int) -> list[Post]:
        """Return what to ask the reader, given that every step below ``until`` may be fed now."""
        begin, self._asked = self._asked, max(self._asked, min(until + AHEAD, self._end))
        steps = range(begin, self._asked)
        self._missing.update(dict.fromkeys(steps))
        return [self._read(step) for step in steps]

    def ask_again(self) -> list[Post]:
        """Return what a restarted reader is to be asked."""
        return [self._read(step) for step in self._missing]

    def put(self, rows: Rows) -> None:
        """Keep the inputs of a step, unless it has had them."""
        if rows.step in self._missing:
            del self._missing[rows.step]
            self._rows[rows.step] = rows.array

    def take(self, step: int) -> Floats:
        """Remove and return the inputs of a step."""
        return self._rows.pop(step)

    def _read(self, step: int) -> Post:
        read = Read(self._run, step, WHOLE_STEP, self._routing.rows)
        return Post(self._routing.receiver(read), read)
