"""The state of a whole network between two steps, independent of the placement of its layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, DType, Parameters, Shape
from annex_actors.base.words import counted
from annex_actors.layers import Network
from annex_actors.optimizers import Optimizer
from annex_actors.peers.stage_state import CostLog, LayerState, StageState
from annex_actors.protocol.events import EpochFinished, Evaluated
from annex_actors.protocol.messages import Address, freeze
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.blas import pinned_blas
from annex_actors.stores import StateStore
from annex_actors.training.fingerprints import arrays_sha256, costs_sha256
from annex_actors.training.identity import Identity

FLOAT32: DType = np.dtype(np.float32)
"""The dtype of a network that asks for no other."""

Evaluation: TypeAlias = EpochFinished | Evaluated
"""What the trainer records: the end of an epoch, or an evaluation within one."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Every layer's weights and optimizer slots at one step, and the cost of every step before it.

    Args:
        step: the number of steps that the weights contain.
        layers: the state of each layer of the network.
        input_shape: the shape of one sample.
        costs: the cost of each step, in order.
        stash: for each layer, the earlier versions of its weights that later microbatches still use, the oldest first;
            none with synchronous schedules.
        history: the finished epochs.
        identity: what decided these bits, and has to be the same where the training goes on; None: unknown, as of
            weights alone, which can predict and be begun with, but not gone on from.
        evaluations: those within the epochs, in order.
        best: the checkpoint at the end of the best epoch, if its weights may have to be restored and are not these.
    """

    step: int
    layers: tuple[LayerState, ...]
    input_shape: Shape
    costs: tuple[float, ...] = ()
    stash: tuple[tuple[Parameters, ...], ...] = ()
    history: tuple[EpochFinished, ...] = ()
    identity: Identity | None = None
    evaluations: tuple[Evaluated, ...] = ()
    best: Checkpoint | None = None

    def __repr__(self) -> str:
        numbers = sum(array.size for array in self.weights.values())
        state = f"step {self.step:,}, {counted(len(self.layers), 'layer')}, {counted(numbers, 'weight')}"
        return f"Checkpoint({state}, weights_sha256 {self.weights_sha256[:12]})"

    @classmethod
    def initial(
        cls,
        network: Network,
        input_shape: Shape,
        optimizer: Optimizer,
        seed: int,
        dtype: DType = FLOAT32,
    ) -> Checkpoint:
        """Return the network before its first step, with weights of this dtype."""
        with pinned_blas():  # an initializer may use matrix products too
            parameters = network.initial_parameters(input_shape, seed=seed, dtype=dtype)
        states = network.initial_states(input_shape, dtype=dtype)
        layers = tuple(
            LayerState(each, {} if tuning.frozen else optimizer.initial_state(each), state)
            for each, state, tuning in zip(parameters, states, network.tunings, strict=True)
        )
        return cls(0, layers, input_shape)

    @classmethod
    def from_arrays(
        cls,
        initial: Checkpoint,
        *,
        step: int,
        weights: Mapping[str, Array],
        optimizer: Mapping[str, Array],
        costs: Iterable[float],
        stash: Mapping[str, Array] | None = None,
        history: Iterable[Evaluation] = (),
        identity: Identity | None = None,
    ) -> Checkpoint:
        """Return the checkpoint with these arrays, which usually come from a file.

        Args:
            initial: the same network before its first step, which says what arrays to expect.
            step: see `Checkpoint`.
            weights: named as in `weights`.
            optimizer: named as in `optimizer`.
            costs: see `Checkpoint`.
            stash: named as in `stashed`.
            history: the finished epochs, and the evaluations within epochs.
            identity: see `Checkpoint`.

        Raises:
            DataError: an array is missing, unexpected, or of another shape or dtype.
        """
        check_match("weights", weights, initial.weights)
        check_match("optimizer slots", optimizer, initial.optimizer)
        layers = tuple(
            LayerState(
                {name: freeze(weights[f"{index}.{name}"]) for name in layer.parameters},
                {name: freeze(optimizer[f"{index}.{name}"]) for name in layer.optimizer},
                {name: freeze(weights[f"{index}.{name}"]) for name in layer.state},
            )
            for index, layer in enumerate(initial.layers)
        )
        versions = tuple(
            tuple(
                {name: freeze(arrays[name]) for name in layer.weights}
                for arrays in _by_version(stash or {}, index, layer.weights)
            )
            for index, layer in enumerate(initial.layers)
        )
        recorded = _by_kind(history)
        return cls(step, layers, initial.input_shape, tuple(costs), versions, identity=identity, **recorded)

    @classmethod
    def gather(
        cls,
        store: StateStore,
        stages: Sequence[Address],
        initial: Checkpoint,
        history: Sequence[Evaluation] = (),
    ) -> Checkpoint:
        """Return the checkpoint at the last step that every stage has committed.

        Args:
            store: has the commits.
            stages: the addresses of all stages, in order, and of the replicas where they divide the slots.
            initial: the checkpoint that the run began with, returned if some stage has committed nothing.
            history: see `of`.
        """
        latest = [store.latest(address) for address in stages]
        step = min(snapshot.step if snapshot else initial.step for snapshot in latest)
        if step == initial.step:
            return replace(initial, **_until(step, history)) if history else initial
        cut = [_found(store.at(address, step), address, step) for address in stages]
        return cls.of(cut, initial, history)

    @classmethod
    def of(cls, cut: Sequence[Snapshot], initial: Checkpoint, history: Iterable[Evaluation] = ()) -> Checkpoint:
        """Return the checkpoint that the commits of all stages make together.

        Args:
            cut: the commits at one step, in the order of the stages, and of the replicas where they divide the slots.
            initial: the checkpoint that the run began with.
            history: the epochs that the trainer has finished, and its evaluations within epochs; those of later steps
                are left out.
        """
        stages: dict[int | None, list[StageState]] = {}
        for snapshot in cut:
            stages.setdefault(snapshot.address.number, []).append(_state(snapshot))
        states, step = [replicas[0] for replicas in stages.values()], cut[0].step
        parts = [parts for each in stages.values() for parts in zip(*(state.layers for state in each), strict=True)]
        return cls(
            step,
            tuple(map(_whole, parts, initial.layers)),
            initial.input_shape,
            tuple(states[-1].cost_log.costs()),
            tuple(
                tuple(weights[offset] for weights in state.stash)
                for state in states
                for offset in range(len(state.layers))
            ),
            identity=initial.identity,
            **_until(step, history),
        )

    def stage_state(self, first: int, count: int, *, with_costs: bool) -> StageState:
        """Return the state of a stage with ``count`` layers, starting at layer ``first``.

        Args:
            first: index of its first layer.
            count: how many layers it has.
            with_costs: whether it is the last stage, which keeps the costs.
        """
        stashes = self.stash[first : first + count]
        versions = max(map(len, stashes), default=0)
        return StageState(
            self.layers[first : first + count],
            CostLog.of(self.costs if with_costs else ()),
            tuple(
                tuple(stash[version] if stash else {} for stash in stashes)  # a layer without weights stashes none
                for version in range(versions)
            ),
        )

    @property
    def weights(self) -> dict[str, Array]:
        """All weights by name, and the state of stateful layers: ``0.weight``, ``0.bias`` and so on."""
        return _named(layer.weights for layer in self.layers)

    @property
    def optimizer(self) -> dict[str, Array]:
        """All optimizer slots by name: ``0.velocity.weight`` and so on."""
        return _named(layer.optimizer for layer in self.layers)

    @property
    def stashed(self) -> dict[str, Array]:
        """All stashed weights by name: ``0.2.weight`` belongs to layer 2, in version 0, the oldest."""
        return {
            f"{version}.{index}.{name}": array
            for index, versions in enumerate(self.stash)
            for version, parameters in enumerate(versions)
            for name, array in parameters.items()
        }

    @property
    def hashes(self) -> dict[str, str]:
        """The three fingerprints by name: runs with bit-identical results have the same three."""
        return {
            "weights_sha256": self.weights_sha256,
            "state_sha256": self.state_sha256,
            "cost_log_sha256": self.cost_log_sha256,
        }

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


def _until(step: int, history: Iterable[Evaluation]) -> dict[str, Any]:
    """Return the epochs that had ended by a step, and the evaluations within epochs, as fields of a checkpoint."""
    return _by_kind([each for each in history if each.steps <= step])


def _by_kind(history: Iterable[Evaluation]) -> dict[str, Any]:
    recorded = tuple(history)
    return {
        "history": tuple(each for each in recorded if isinstance(each, EpochFinished)),
        "evaluations": tuple(each for each in recorded if isinstance(each, Evaluated)),
    }


def _found(snapshot: Snapshot | None, address: Address, step: int) -> Snapshot:
    if snapshot is None:
        raise RuntimeError(f"expected a commit of {address} at step {step} in the store, got none")
    return snapshot


def _state(snapshot: Snapshot) -> StageState:
    state = snapshot.state
    assert isinstance(state, StageState)
    return state


def _whole(replicas: Sequence[LayerState], initial: LayerState) -> LayerState:
    """Return the state of a layer, given that of each replica of its stage, which may have some rows of the slots."""
    first = replicas[0]
    slots = {name: [each.optimizer[name] for each in replicas] for name in first.optimizer}
    rows = [name for name, parts in slots.items() if parts[0].shape != initial.optimizer[name].shape]
    if not rows:
        return first
    return replace(first, optimizer={**first.optimizer, **{name: freeze(np.concatenate(slots[name])) for name in rows}})


def _by_version(stash: Mapping[str, Array], layer: int, expected: Parameters) -> list[dict[str, Array]]:
    """Return a layer's stashed weights, the oldest version first.

    Raises:
        DataError: an array is missing, or of another shape or dtype than the layer's weights.
    """
    versions: dict[int, dict[str, Array]] = {}
    for key, array in stash.items():
        version, index, name = key.split(".", 2)
        if index == str(layer):
            versions.setdefault(int(version), {})[name] = array
    for arrays in versions.values():
        check_match("stashed weights", arrays, expected)
    return [versions[version] for version in sorted(versions)]


def check_match(what: str, got: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Raise DataError unless there are the expected arrays, by name, shape and dtype, and no others."""
    for name in sorted(expected.keys() | got.keys()):
        wanted, given = (_description(arrays.get(name)) for arrays in (expected, got))
        if wanted != given:
            raise DataError(f"expected {what} that fit the network: {name} {wanted}, got {given}")


def _description(array: Array | None) -> str:
    return "none" if array is None else f"of shape {array.shape} {array.dtype}"


def _named(layers: Iterable[Parameters]) -> dict[str, Array]:
    return {f"{index}.{name}": array for index, parameters in enumerate(layers) for name, array in parameters.items()}
