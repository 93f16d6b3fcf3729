"""The division of a stage's weight gradients among its replicas: each computes some rows of them for all.

Each replica has the factors of all microbatches, and so could compute every weight gradient. Of a dense layer with n
inputs and k outputs it computes only its n/R rows, each over the whole step in the order of the microbatches, and sends
them to the others: n·k/R numbers to each. So the product is divided by R.

Rows that are computed alone need not have the bits of the same rows of the whole product: a BLAS library cuts matrices
into blocks, and may add up in another order at their edges. So the rows are cut at multiples of 48, and each shape is
tried once, on made numbers: where the bits differ, the whole product is computed, of which the rows have the right ones
by definition. Neither needs an agreement: a replica's rows are the same either way.

With NumPy 2.4.6 and OpenBLAS 0.3.31 (Haswell's kernels, one thread), 12 shapes, batches from 1 to 256, 2 to 4 replicas,
float32 and float64, 504 cases: equal were 270 where rows are cut anywhere, 369 at multiples of 8, 389 of 16, and all
where they are cut at multiples of 24, 48, 96 or 192 and no part is a single row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers import AnyLayer, DividesRows, Factors, Tuning, Weighted
from annex_actors.peers.stage_state import LayerState
from annex_actors.peers.stage_work import StepWork
from annex_actors.protocol.messages import Address, freeze
from annex_actors.protocol.routing import Routing, replica_of

BLOCK = 48
"""Rows are cut at multiples of this."""

LEAST = 48
"""The fewest numbers in a row. With fewer there is little to divide; and a few rows at an edge that are added up in
another order might all come out alike by chance."""

TRIALS = 3
"""How often a shape is tried, each time on other numbers."""


class Division:
    """Which rows of which weight gradients each replica computes.

    ``others`` are the numbers of the other replicas, and ``names`` the arrays that are divided, by the layer's place in
    the stage.

    Args:
        layers: of the stage.
        tuning: how each of them learns; empty: all alike.
        states: of the layers.
        address: of the replica.
        routing: of the run.
    """

    def __init__(
        self,
        layers: Sequence[AnyLayer],
        tuning: Sequence[Tuning],
        states: Sequence[LayerState],
        address: Address,
        routing: Routing,
    ) -> None:
        self._replica, others = replica_of(address), routing.others(address)
        self.others = tuple(map(replica_of, others))
        self._cuts: dict[int, tuple[slice, ...]] = {}
        self.names: dict[int, str] = {}
        self._tried: dict[tuple[object, ...], bool] = {}
        for offset, layer in enumerate(layers):
            if isinstance(layer, DividesRows) and not (tuning and tuning[offset].frozen):
                array = states[offset].parameters[layer.divided]
                found = cuts(len(array), len(others) + 1)
                if found and array[0].size >= LEAST:
                    self._cuts[offset], self.names[offset] = found, layer.divided

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to divide."""
        return not self._cuts

    def gradients(self, offset: int, layer: Weighted, factors: Factors) -> dict[str, Floats]:
        """Return the weight gradients of a layer; of what is divided, this replica's rows alone.

        Args:
            offset: the layer's place in the stage.
            layer: the layer.
            factors: as of `Weighted.weight_gradient`.
        """
        if offset not in self._cuts or not isinstance(layer, DividesRows):
            return layer.weight_gradient(factors)
        own = self._cuts[offset][self._replica]
        if self._is_exact(offset, layer, factors):
            return layer.weight_gradient(factors, own)
        gradients = layer.weight_gradient(factors)
        return {**gradients, layer.divided: gradients[layer.divided][own].copy()}

    def rows(self, work: StepWork) -> list[Floats]:
        """Return this replica's rows of the finished weight gradients of a step, as they may be sent."""
        return [freeze(work.gradients[offset][name]) for offset, name in self.names.items()]

    def complete(self, work: StepWork) -> None:
        """Put the rows of all replicas together, this one's own and those that the others have told."""
        for index, (offset, name) in enumerate(self.names.items()):
            parts = {told.replica: told.stack[index] for told in work.told}
            parts[self._replica] = work.gradients[offset][name]
            work.gradients[offset][name] = np.concatenate([parts[replica] for replica in sorted(parts)])

    def _is_exact(self, offset: int, layer: DividesRows, factors: Factors) -> bool:
        """Return whether rows that are computed alone have the bits of the whole, for factors of these shapes."""
        key = (offset, *((each.shape, each.dtype) for each in factors))
        if key not in self._tried:
            own = self._cuts[offset][self._replica]
            self._tried[key] = all(_is_alike(layer, factors, own, trial) for trial in range(TRIALS))
        return self._tried[key]


def _is_alike(layer: DividesRows, factors: Factors, own: slice, trial: int) -> bool:
    made = tuple(np.cos(np.arange(each.size, dtype=each.dtype) + trial).reshape(each.shape) for each in factors)
    alone, whole = (layer.weight_gradient(made, rows)[layer.divided] for rows in (own, None))
    return alone.tobytes() == whole[own].tobytes()


def division_of(
    layers: Sequence[AnyLayer],
    tuning: Sequence[Tuning],
    states: Sequence[LayerState],
    address: Address,
    routing: Routing,
) -> Division | None:
    """Return how the replicas of a stage divide its weight gradients; None where nothing is divided."""
    if not routing.others(address):
        return None
    division = Division(layers, tuning, states, address, routing)
    return None if division.is_empty else division


def cuts(rows: int, replicas: int) -> tuple[slice, ...]:
    """Return the rows of each replica, the last ones with the rest; none if there are fewer than a block for each."""
    blocks = rows // BLOCK
    if blocks < replicas:
        return ()
    starts = [BLOCK * (blocks * replica // replicas) for replica in range(replicas)]
    return tuple(slice(start, stop) for start, stop in pairwise([*starts, rows]))
