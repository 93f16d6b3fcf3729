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
        self._alone = most_replicas == 1
        self._forwards, self._backwards = Longest(costs.forward), Longest(costs.backward)
        steps = costs.microbatches * (costs.forward + costs.backward + costs.weight_gradient) + costs.update
        self._steps = Longest(steps)
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
        forwards, backwards = self._others * forward / together, self._others * backward / together
        busy = self._work / together
        if self._alone:  # else replicas share a layer that is long
            stages = sum(count for _, count in left)
            part = self._others / speed
            forwards = np.maximum(forwards, part * (self._forwards.of(stages) + self._piece))
            backwards = np.maximum(backwards, part * (self._backwards.of(stages) + self._piece))
            busy = np.maximum(busy, self._steps.of(stages) / speed)
        return Ahead(
            forward / speed + self._costs.hops,
            backward / speed + self._costs.hops,
            forwards,
            backwards,
            busy,
            self._work / speed,
        )


class Longest:
    """How long the longest of some stages works at least, for each number of first layers that they have.

    With a stage more, the best cut is where the stages before it take as long as it does, or next to there.

    Args:
        work: of the first 0, 1, 2 … layers.
    """

    def __init__(self, work: NDArray[np.float64]) -> None:
        self._work = work
        self._found = [work]

    def of(self, stages: int) -> NDArray[np.float64]:
        """Return it for so many stages, >= 1, of which some may have no layers."""
        while len(self._found) < stages:
            work, before = self._work, self._found[-1]
            cut = np.searchsorted(before + work, work)
            self._found.append(np.minimum(before[cut], work - work[np.maximum(cut - 1, 0)]))
        return self._found[stages - 1]


def at(ahead: Ahead, starts: Any) -> Ahead:
    """Return the bounds of the layers before each of these."""
    return Ahead(*(each[starts] for each in ahead))
