"""The state of a whole network between two steps, independent of how its layers were placed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annex_actors.errors import DataError
from annex_actors.layers import Network
from annex_actors.optimizers import Optimizer
from annex_actors.protocol.messages import Address, freeze
from annex_actors.protocol.snapshot import CostLog, LayerState, Snapshot, StageState
from annex_actors.stores import StateStore
from annex_actors.training.hashes import arrays_sha256, costs_sha256
from annex_actors.types import Array, Parameters, Shape


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Every layer's weights and optimizer slots, and the cost of every step, at one step.

    Args:
        step: every step below this one is in the weights.
        layers: one state for each layer of the network.
        input_shape: the shape of one sample.
        costs: the cost of each step, in order.
    """

    step: int
    layers: tuple[LayerState, ...]
    input_shape: Shape
    costs: tuple[float, ...] = ()

    @classmethod
    def initial(cls, network: Network, input_shape: Shape, optimizer: Optimizer, seed: int) -> Checkpoint:
        """Return the network before its first step, in float32."""
        parameters = network.initial_parameters(input_shape, seed=seed, dtype=np.dtype(np.float32))
        layers = tuple(LayerState(each, optimizer.initial_state(each)) for each in parameters)
        return cls(0, layers, input_shape)

    @classmethod
    def from_arrays(
        cls,
        blank: Checkpoint,
        *,
        step: int,
        weights: Mapping[str, Array],
        optimizer: Mapping[str, Array],
        costs: Iterable[float],
    ) -> Checkpoint:
        """Return the checkpoint whose `weights` and `optimizer` these arrays are: the way back from a file.

        Args:
            blank: the same network before its first step (`initial`): which arrays there must be.
            step: see `Checkpoint`.
            weights: by name, as `weights` returns them.
            optimizer: by name, as `optimizer` returns them.
            costs: see `Checkpoint`.

        Raises:
            DataError: an array that is missing, too many, or of another shape or dtype.
        """
        _check_alike("weights", weights, blank.weights)
        _check_alike("optimizer slots", optimizer, blank.optimizer)
        layers = tuple(
            LayerState(
                {name: freeze(weights[f"{index}.{name}"]) for name in layer.parameters},
                {name: freeze(optimizer[f"{index}.{name}"]) for name in layer.optimizer},
            )
            for index, layer in enumerate(blank.layers)
        )
        return cls(step, layers, blank.input_shape, tuple(costs))

    @classmethod
    def gather(cls, store: StateStore, stages: Sequence[Address], initial: Checkpoint) -> Checkpoint:
        """Return the last step that every stage has committed, as their commits hold it."""
        latest = [store.latest(address) for address in stages]
        step = min(snapshot.step if snapshot else initial.step for snapshot in latest)
        if step == initial.step:
            return initial
        states = [_state(store.at(address, step), address, step) for address in stages]
        layers = tuple(layer for state in states for layer in state.layers)
        return cls(step, layers, initial.input_shape, tuple(states[-1].cost_log.costs()))

    def stage_state(self, first: int, count: int, *, with_costs: bool) -> StageState:
        """Return the state of the stage that holds ``count`` layers from ``first`` on."""
        log = CostLog()
        for cost in self.costs if with_costs else ():
            log = log.append(cost)
        return StageState(self.layers[first : first + count], log)

    @property
    def weights(self) -> dict[str, Array]:
        """All weights by name: ``0.weight``, ``0.bias``, ``2.weight`` and so on."""
        return _named(layer.parameters for layer in self.layers)

    @property
    def optimizer(self) -> dict[str, Array]:
        """All optimizer slots by name: ``0.velocity.weight`` and so on."""
        return _named(layer.optimizer for layer in self.layers)

    @property
    def weights_sha256(self) -> str:
        """Fingerprint of the weights."""
        return arrays_sha256(self.weights)

    @property
    def state_sha256(self) -> str:
        """Fingerprint of weights and optimizer slots."""
        optimizer = {f"optimizer.{name}": array for name, array in self.optimizer.items()}
        return arrays_sha256({**self.weights, **optimizer})

    @property
    def cost_log_sha256(self) -> str:
        """Fingerprint of the costs."""
        return costs_sha256(self.costs)


def _state(snapshot: Snapshot | None, address: Address, step: int) -> StageState:
    if snapshot is None:
        raise RuntimeError(f"expected a commit of {address} at step {step} in the store, got none")
    state = snapshot.state
    assert isinstance(state, StageState)
    return state


def _check_alike(what: str, got: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    for name in sorted(expected.keys() | got.keys()):
        wanted, given = (_form(arrays.get(name)) for arrays in (expected, got))
        if wanted != given:
            raise DataError(f"expected {what} that fit the network: {name} {wanted}, got {given}")


def _form(array: Array | None) -> str:
    return "none" if array is None else f"of shape {array.shape} {array.dtype}"


def _named(layers: Iterable[Parameters]) -> dict[str, Array]:
    return {f"{index}.{name}": array for index, parameters in enumerate(layers) for name, array in parameters.items()}
