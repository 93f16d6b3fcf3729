"""Pieces of work under way at once: how far each is, where they slow each other down."""

from __future__ import annotations

from math import inf

from annex_actors.runtimes.cost_model import Worker


class UnderWay:
    """Pieces of work of which all take longer the more there are at once.

    Args:
        slowdown: the factor by which each of two takes longer; each further one adds as much.
    """

    def __init__(self, slowdown: float) -> None:
        self._added = slowdown - 1
        self._left: dict[Worker, float] = {}
        self._since: float = 0

    def add(self, worker: Worker, seconds: float, now: float) -> None:
        """Begin a piece of work that takes so long alone."""
        self._go_on(now)
        self._left[worker] = seconds

    def remove(self, worker: Worker, now: float) -> None:
        """End a worker's piece of work, finished or not."""
        self._go_on(now)
        del self._left[worker]

    def next_end(self) -> tuple[float, Worker | None]:
        """Return when the next piece of work is finished if none begins before, and whose it is."""
        worker = min(self._left, key=self._left.__getitem__, default=None)
        return (inf, None) if worker is None else (self._since + max(self._left[worker], 0.0) * self._pace, worker)

    @property
    def _pace(self) -> float:
        """How long that takes which takes a second alone."""
        return 1 + self._added * (len(self._left) - 1)

    def _go_on(self, now: float) -> None:
        if self._left:
            done = (now - self._since) / self._pace
            self._left = {worker: left - done for worker, left in self._left.items()}
        self._since = now
