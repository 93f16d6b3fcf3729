"""The costs of a run's steps, as few numbers as a picture can show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

MOST_COSTS = 4_000
"""Numbers of a curve that is sent whole: more than a screen has pixels."""


class CostCurve:
    """The cost of each step, in bounded memory: of a long run the means of so many steps each.

    When there are twice `MOST_COSTS` numbers, each two neighbours become their mean.
    """

    def __init__(self) -> None:
        self._first = 0
        self._stride = 1
        self._means: list[float | None] = []
        self._open: list[float | None] = []
        self._fresh: list[float | None] = []
        self._time: float | None = None

    def add(self, step: int, cost: float, time: float | None = None) -> None:
        """Add the cost of a step; a step that is repeated counts once.

        Args:
            step: from 0.
            cost: any number; one that is not finite leaves a gap.
            time: when the step was done, on the clock of the run's events.
        """
        if not (self._means or self._open):
            self._first = step
        if step < self._end:
            return
        self._fresh.append(_finite(cost))
        self._open.append(_finite(cost))
        self._time = time
        if len(self._open) == self._stride:
            self._means.append(_mean(self._open))
            self._open = []
        if len(self._means) >= 2 * MOST_COSTS:
            self._means = [_mean(self._means[at : at + 2]) for at in range(0, len(self._means), 2)]
            self._stride *= 2

    @property
    def _end(self) -> int:
        return self._first + len(self._means) * self._stride + len(self._open)

    def fresh(self) -> Iterator[dict[str, Any]]:
        """Yield the costs since the last call, as a record, if there are any."""
        fresh, self._fresh = self._fresh, []
        if fresh:
            yield _record(self._end - len(fresh), fresh, 1, self._time)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all costs as records; ``stride`` says of how many steps each number is the mean."""
        if self._means:
            yield _record(self._first, self._means, self._stride, self._time)
        if self._open:
            yield _record(self._end - len(self._open), self._open, 1, self._time)


def _record(step: int, costs: Sequence[float | None], stride: int, time: float | None) -> dict[str, Any]:
    return {"type": "costs", "step": step, "costs": list(costs), "stride": stride, "time": time}


def _finite(cost: float) -> float | None:
    return cost if math.isfinite(cost) else None


def _mean(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) / len(known) if known else None
