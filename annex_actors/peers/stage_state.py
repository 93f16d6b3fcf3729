"""The state of a stage between two steps: weights, optimizer slots, costs; immutable, and what the stage commits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from annex_actors.base.shown import brief
from annex_actors.base.types import Array, Parameters, made_often, pickled_by_fields
from annex_actors.protocol.messages import freeze


@pickled_by_fields
@dataclass(frozen=True, slots=True, eq=False)
class LayerState:
    """The state of one layer at one version; all arrays are read-only.

    Args:
        parameters: by name.
        optimizer: the optimizer's slots, such as momenta.
        state: arrays that no gradient changes, such as running statistics.
    """

    parameters: Parameters
    optimizer: Parameters
    state: Parameters = field(default_factory=dict)

    __repr__ = brief

    @property
    def weights(self) -> Parameters:
        """All that the layer computes with: its parameters and its state."""
        return {**self.parameters, **self.state} if self.state else self.parameters


Weights: TypeAlias = tuple[Parameters, ...]
"""All that the layers of a stage compute with at one version: one entry for each layer."""

_CHUNK = 256


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class CostLog:
    """The cost of every committed step, in order: immutable, yet cheap to append to and to store.

    Appending copies only the last, short chunk. Two full chunks of equal length become one of twice the length, so that
    there are few, and a commit shares nearly all of them with the commit before.

    Args:
        full: chunks of 256 costs times a power of two, the longer ones first; float64, read-only.
        last: the costs after them, fewer than 256.
    """

    full: tuple[Array, ...] = ()
    last: tuple[float, ...] = ()

    __repr__ = brief

    @classmethod
    def of(cls, costs: Iterable[float]) -> CostLog:
        """Return a log of these costs."""
        log = cls()
        for cost in costs:
            log = log.append(cost)
        return log

    def append(self, cost: float) -> CostLog:
        """Return a log with one more cost."""
        last = (*self.last, cost)
        if len(last) < _CHUNK:
            return CostLog(self.full, last)
        full, chunk = list(self.full), np.array(last)
        while full and full[-1].size == chunk.size:
            chunk = np.concatenate([full.pop(), chunk])
        return CostLog((*full, freeze(chunk)))

    def costs(self) -> list[float]:
        """Return all costs, the first step's first."""
        return [cost for chunk in self.full for cost in chunk.tolist()] + list(self.last)


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class StageState:
    """The state of a stage between two steps.

    Args:
        layers: one state for each layer of the stage.
        cost_log: the costs so far, if this is the last stage; else empty.
        stash: earlier versions of the weights that microbatches may still meet, the oldest first, up to the one before
            ``layers``. Empty with synchronous schedules.
    """

    layers: tuple[LayerState, ...]
    cost_log: CostLog = CostLog()
    stash: tuple[Weights, ...] = ()

    __repr__ = brief

    @property
    def weights(self) -> Weights:
        """The newest version of what the layers compute with."""
        return tuple([layer.weights for layer in self.layers])
