"""A lower bound of what the layers that are not placed yet will cost, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from annex_actors.placement.planner.formula import Ahead
from annex_actors.placement.planner.problem import Worker
from annex_actors.placement.planner.stages import Costs

Used: TypeAlias = tuple[int, ...]
"""How many workers of each kind are used."""


class Bounds:
    """The bounds for one schedule and number of microbatches.

    ``loose`` falls as the layers become fewer: with it, a stage that is too long stays too long with more layers.

    Args:
        costs: of the layers.
        kinds: of workers, the fastest first.
        counts: of each kind.
        most_replicas: of a stage.
        piece: the fixed seconds of a piece of work.
    """

    def __init__(
        self, costs: Costs, kinds: Sequence[Worker], counts: Sequence[int], most_replicas: int, piece: float
    ) -> None:
        self._costs = costs
        self._kinds = kinds
        self._counts = counts
        self._others = max(costs.microbatches - most_replicas, 0)
        self._piece = piece
        self._found: dict[Used, Ahead] = {}
        steps = costs.microbatches * (costs.forward + costs.backward + costs.weight_gradient) + costs.update
        self._work: NDArray[np.float64] = steps
        best, nothing = kinds[0].speed, np.zeros(len(steps))
        self.loose = Ahead(costs.forward / best, costs.backward / best, nothing, nothing, nothing, steps / best)

    def tight(self, used: Used) -> Ahead:
        """Return for each layer a bound of what those before it will cost on the workers that are left."""
        if used not in self._found:
            self._found[used] = bound = self._bound(used)
            for each in bound:
                each[0] = 0.0  # nothing is before the first layer
        return self._found[used]

    def _bound(self, used: Used) -> Ahead:
        counts = zip(self._kinds, self._counts, used, strict=True)
        left = [(kind.speed, count - taken) for kind, count, taken in counts if count > taken]
        if not left:
            return self.loose
        speed, together = left[0][0], sum(speed * count for speed, count in left)
        forward, backward = self._costs.forward + self._piece, self._costs.backward + self._piece
        return Ahead(
            forward / speed + self._costs.hops,
            backward / speed + self._costs.hops,
            self._others * forward / together,
            self._others * backward / together,
            self._work / together,
            self._work / speed,
        )


def at(ahead: Ahead, starts: Any) -> Ahead:
    """Return the bounds of the layers before each of these."""
    return Ahead(*(each[starts] for each in ahead))
