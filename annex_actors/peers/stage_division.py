"""The division of a stage's weight gradients and updates among its replicas: each makes some rows of them for all.

Each replica has the factors of all microbatches, and so could compute every weight gradient. Of a dense layer with n
inputs and k outputs it computes only its n/R rows, each over the whole step in the order of the microbatches. So the
product is divided by R.

So is the update, where the optimizer updates each number by itself: a replica updates its rows of the weights, keeps
their slots alone, and sends all others the new rows, n·k/R numbers to each. Where a norm clips the gradients, it is
added up over the whole arrays, which rounds otherwise than row by row; then rows of gradients are sent before. Where an
optimizer cannot update rows alone, only those are, and each replica updates all weights.

Rows that are computed alone need not have the bits of the same rows of the whole product: a BLAS library cuts matrices
into blocks, and may add up in another order at their edges. So the rows are cut at multiples of 48, and each shape is
tried once, on made numbers: where the bits differ, the whole product is computed, of which the rows have the right ones
by definition. Neither needs an agreement: a replica's rows are the same either way.

With NumPy 2.4.6 and OpenBLAS 0.3.31 (Haswell's kernels, one thread), 12 shapes, batches from 1 to 256, 2 to 4 replicas,
float32 and float64, 504 cases: equal were 270 where rows are cut anywhere, 369 at multiples of 8, 389 of 16, and all
where they are cut at multiples of 24, 48, 96 or 192 and no part is a single row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import AnyLayer, DividesRows, Factors, Tuning, Weighted
from annex_actors.optimizers import Clipping, Optimizer, is_elementwise
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.protocol.messages import Address, freeze
from annex_actors.protocol.replicas import GradientRows, Rows, WeightRows, cuts
from annex_actors.protocol.routing import Routing, replica_of

LEAST = 48
"""The fewest numbers in a row. With fewer there is little to divide; and a few rows at an edge that are added up in
another order might all come out alike by chance."""

TRIALS = 3
"""How often a shape is tried, each time on other numbers."""


class Division:
    """Which rows of which weight gradients each replica computes, and of which weights and slots it updates.

    ``names`` are the arrays that are divided, by the layer's place in the stage; ``kinds`` what the replicas send each
    other of a step, in this order. ``updates``: whether each replica updates its rows alone; ``needs_whole``: whether
    it needs the whole gradients before.

    Args:
        layers: of the stage.
        tuning: how each of them learns; empty: all alike.
        states: of the layers.
        address: of the replica.
        routing: of the run.
        optimizer: updates the weights.
        clipping: how gradients are clipped; None: not at all.
    """

    def __init__(
        self,
        layers: Sequence[AnyLayer],
        tuning: Sequence[Tuning],
        states: Sequence[LayerState],
        address: Address,
        routing: Routing,
        optimizer: Optimizer,
        clipping: Clipping | None,
    ) -> None:
        self.replica, others = replica_of(address), routing.others(address)
        self.updates = is_elementwise(optimizer)
        self.needs_whole = not self.updates or (clipping is not None and clipping.by_norm)
        self.kinds: tuple[type[Rows], ...] = (GradientRows,) * self.needs_whole + (WeightRows,) * self.updates
        self.order = tuple((kind, each) for kind in self.kinds for each in (self.replica, *map(replica_of, others)))
        self._cuts: dict[int, tuple[slice, ...]] = {}
        self.names: dict[int, str] = {}
        self._tried: dict[tuple[object, ...], bool] = {}
        for offset, layer in enumerate(layers):
            name = divided(layer, states[offset], tuning[offset] if tuning else None)
            found = cuts(len(states[offset].parameters[name]), len(others) + 1) if name else ()
            if name and found:
                self._cuts[offset], self.names[offset] = found, name

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
        own = self._cuts[offset][self.replica]
        if self._is_exact(offset, layer, factors):
            return layer.weight_gradient(factors, own)
        gradients = layer.weight_gradient(factors)
        return {**gradients, layer.divided: gradients[layer.divided][own].copy()}

    def own(self, offset: int, arrays: Parameters) -> dict[str, Floats]:
        """Return arrays of a layer, such as its slots: of what is divided this replica's rows alone.

        Args:
            offset: the layer's place in the stage.
            arrays: named as the parameters, or ``slot.parameter``; rows that are this replica's alone stay as they are.
        """
        if offset not in self._cuts:
            return dict(arrays)
        name, cut = self.names[offset], self._cuts[offset]
        return {
            each: array[cut[self.replica]]
            if name in (each, each.partition(".")[2]) and len(array) == cut[-1].stop
            else array
            for each, array in arrays.items()
        }

    def of(self, state: StageState) -> StageState:
        """Return what this replica keeps of the state of the stage: all weights, and the slots of its rows."""
        if not self.updates:
            return state
        layers = enumerate(state.layers)
        return replace(
            state, layers=tuple(replace(each, optimizer=self.own(offset, each.optimizer)) for offset, each in layers)
        )

    def rows(self, arrays: Mapping[int, Mapping[str, Floats]]) -> list[Floats]:
        """Return this replica's rows as they may be sent, of arrays by the layer's place in the stage."""
        return [freeze(arrays[offset][name]) for offset, name in self.names.items()]

    def whole(self, told: Sequence[Rows]) -> dict[int, Floats]:
        """Return what is divided, by the layer's place in the stage: the rows of all replicas, one below the other."""
        parts = sorted(told, key=lambda each: each.replica)
        return {
            offset: np.concatenate([each.stack[index] for each in parts]) for index, offset in enumerate(self.names)
        }

    def _is_exact(self, offset: int, layer: DividesRows, factors: Factors) -> bool:
        """Return whether rows that are computed alone have the bits of the whole, for factors of these shapes."""
        key = (offset, *((each.shape, each.dtype) for each in factors))
        if key not in self._tried:
            own = self._cuts[offset][self.replica]
            self._tried[key] = all(_is_alike(layer, factors, own, trial) for trial in range(TRIALS))
        return self._tried[key]


def _is_alike(layer: DividesRows, factors: Factors, own: slice, trial: int) -> bool:
    made = tuple(np.cos(np.arange(each.size, dtype=each.dtype) + trial).reshape(each.shape) for each in factors)
    alone, whole = (layer.weight_gradient(made, rows)[layer.divided] for rows in (own, None))
    return alone.tobytes() == whole[own].tobytes()


def divided(layer: AnyLayer, state: LayerState, tuning: Tuning | None) -> str | None:
    """Return the name of the array of a layer that replicas divide if it has enough rows for them; None: none."""
    if not isinstance(layer, DividesRows) or (tuning is not None and tuning.frozen):
        return None
    array = state.parameters[layer.divided]
    return layer.divided if len(array) and array[0].size >= LEAST else None


def division_of(
    layers: Sequence[AnyLayer],
    tuning: Sequence[Tuning],
    states: Sequence[LayerState],
    address: Address,
    routing: Routing,
    optimizer: Optimizer,
    clipping: Clipping | None = None,
) -> Division | None:
    """Return how the replicas of a stage divide its weight gradients and updates; None where nothing is divided."""
    if not routing.others(address):
        return None
    division = Division(layers, tuning, states, address, routing, optimizer, clipping)
    return None if division.is_empty else division
