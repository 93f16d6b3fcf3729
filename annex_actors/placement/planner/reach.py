"""How many of the first layers the stages still to come can have at most, within a limit: a greedy bound.

Every formula says how much the first, second … stage can do within a limit. If each does all that it can, in order, no
other way reaches further.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from annex_actors.placement.planner.formula import Formula, Sums
from annex_actors.placement.planner.problem import Worker
from annex_actors.placement.planner.stages import Costs


class Reach:
    """The bound for one schedule and number of microbatches.

    Args:
        costs: of the layers.
        formula: of the schedule.
        kinds: of workers.
        counts: of each kind.
        most_replicas: of a stage.
        piece: the fixed seconds of a piece of work.
    """

    def __init__(
        self,
        costs: Costs,
        formula: Formula,
        kinds: Sequence[Worker],
        counts: Sequence[int],
        most_replicas: int,
        piece: float,
    ) -> None:
        best = max(kind.speed for kind in kinds)
        m, hops = costs.microbatches, costs.hops[1:-1]
        self._formula = formula
        self._layers = len(costs.hops) - 1
        self._workers = sum(counts)
        self._replicated = most_replicas > 1
        self._least_pause = 2 * piece / best, 2 * float(hops.min(initial=float("inf"))) if len(hops) else 0.0
        self._sums = Sums(
            costs.forward / best,
            costs.backward / best,
            (m * costs.weight_gradient + costs.update) / best,
            m,
            max(m - most_replicas, 0),
            sum(kind.speed * count for kind, count in zip(kinds, counts, strict=True)) / best,
            0.0,
            costs.longest_hop + piece / min(kind.speed for kind in kinds),
        )
        self._reached = np.zeros((self._workers + 1, self._workers + 1), np.intp)

    def least(self, at_least: float) -> float:
        """Return a limit within which the stages may reach all layers, hardly above the smallest one.

        Args:
            at_least: a lower bound, above 0.
        """
        low = high = at_least
        while not self.reaches_all(high):
            low, high = high, 2 * high
        while high > low * (1 + _CLOSE):
            middle = (low + high) / 2
            low, high = (low, middle) if self.reaches_all(middle) else (middle, high)
        return low

    def reaches_all(self, limit: float) -> bool:
        """Return whether stages may reach all layers within a limit, to which it keeps."""
        self._reached = self._greedy(limit * (1 + _ROUNDING))
        return self.before(0, self._workers) == self._layers

    def before(self, stages: int, workers: int) -> int:
        """Return how many layers can come before so many last stages, on so many workers."""
        if not workers:
            return 0
        more = np.arange(1, workers + 1)
        if self._replicated:  # how many stages there will be is not known, but at least one more
            return int(self._reached[stages + 1, more].max(initial=0))
        return int(self._reached[stages + more, more].max(initial=0))

    def _greedy(self, limit: float) -> NDArray[np.intp]:
        """Return how many layers the first n stages can have, for each number of stages in all, and each n."""
        stages = np.arange(self._workers + 1)
        piece, hop = self._least_pause
        whole = float(self._sums.forward[-1] + self._sums.backward[-1])
        rooms = self._formula.rooms(limit, self._sums._replace(trip=whole + stages * piece + (stages - 1) * hop))
        reached = np.zeros((len(stages), len(stages)), np.intp)
        done = [np.zeros(len(stages)) for _ in rooms]
        for stage in range(self._workers):
            start = reached[:, stage]
            end = np.full(len(stages), self._layers)
            for index, room in enumerate(rooms):
                # Replicas may share a layer that is too much for one, so that parts of layers count.
                before = done[index] if self._replicated else room.work[start]
                later = room.later[start] if isinstance(room.later, np.ndarray) else room.later
                done[index] = before + room.most + later + stage * room.each
                end = np.minimum(end, np.searchsorted(room.work, done[index] * (1 + _ROUNDING), side="right") - 1)
            reached[:, stage + 1] = np.maximum(end, start)
        return reached


_CLOSE = 0.001
"""How near the smallest limit is found."""

_ROUNDING = 1e-9
"""The part by which sums may differ by rounding."""
