"""The state of a whole network between two steps, and its fingerprints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array
from annex_actors.peers.stage_state import CostLog, LayerState, StageState
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from tests.trainings import ADAM, MOMENTUM, Training, undisturbed

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)
BIAS = np.array([0.5, -0.0], dtype=np.float32)
MADE = Checkpoint(
    2,
    (
        LayerState({"weight": WEIGHT, "bias": BIAS}, {"velocity.weight": WEIGHT * 2, "velocity.bias": BIAS}),
        LayerState({}, {}),
        LayerState({"bias": BIAS}, {}),
    ),
    (3,),
    (0.25, 1e-3),
)


def by_hand(**arrays: Array) -> str:
    """Return the SHA-256 over name, dtype, shape and bytes of every array, sorted by name."""
    text = b""
    for name in sorted(arrays):
        text += f"{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode() + arrays[name].tobytes()
    return sha256(text).hexdigest()


# Names and fingerprints


def test_weights_are_named_by_layer_and_parameter() -> None:
    assert list(MADE.weights) == ["0.weight", "0.bias", "2.bias"]
    assert list(MADE.optimizer) == ["0.velocity.weight", "0.velocity.bias"]


def test_the_fingerprint_of_the_weights_covers_names_dtypes_shapes_and_bytes() -> None:
    assert MADE.weights_sha256 == by_hand(**{"0.weight": WEIGHT, "0.bias": BIAS, "2.bias": BIAS})


def test_the_fingerprint_of_the_state_covers_the_optimizer() -> None:
    weights = {"0.weight": WEIGHT, "0.bias": BIAS, "2.bias": BIAS}
    slots = {"optimizer.0.velocity.weight": WEIGHT * 2, "optimizer.0.velocity.bias": BIAS}
    assert MADE.state_sha256 == by_hand(**weights, **slots)


def test_the_fingerprint_of_the_costs_covers_them_as_little_endian_doubles() -> None:
    assert MADE.cost_log_sha256 == sha256(np.array([0.25, 1e-3], "<f8").tobytes()).hexdigest()


def test_fingerprints_are_the_same_on_every_machine_and_in_every_version() -> None:
    assert MADE.weights_sha256 == "45a905d9b6584759c2f5ca933137ac66f54dfc3a315343f0a146e428b991c368"
    assert MADE.state_sha256 == "944cb7e6b9b4ba48d1f456471be4d13f540295dddf5f622468c4c8151d2cef5b"
    assert MADE.cost_log_sha256 == "e23714b0168c3504ce2d08f5c28d0d9c14277e58de22b2389a721b23cfb0460e"


def test_where_an_array_lies_in_memory_does_not_change_its_fingerprint() -> None:
    elsewhere = np.asfortranarray(WEIGHT)
    layers = (LayerState({"weight": elsewhere, "bias": BIAS}, MADE.layers[0].optimizer), *MADE.layers[1:])
    assert replace(MADE, layers=layers).state_sha256 == MADE.state_sha256


def changed(parameter: Array) -> Checkpoint:
    return replace(MADE, layers=(*MADE.layers[:2], LayerState({"bias": parameter}, {})))


@pytest.mark.parametrize(
    "parameter",
    [
        np.array([0.5, 0.0], np.float32),
        np.array([0.5, -0.0], np.float64),
        np.array([[0.5, -0.0]], np.float32),
        np.nextafter(BIAS, np.float32(1)),
    ],
    ids=["the sign of zero", "the dtype", "the shape", "the last bit"],
)
def test_any_difference_changes_the_fingerprint(parameter: Array) -> None:
    assert changed(parameter).weights_sha256 != MADE.weights_sha256


def test_a_cost_that_differs_in_the_last_bit_changes_the_fingerprint() -> None:
    assert replace(MADE, costs=(0.25, np.nextafter(1e-3, 1))).cost_log_sha256 != MADE.cost_log_sha256


# The beginning


def test_a_network_before_its_first_step_has_the_weights_of_its_seed() -> None:
    one, same, other = (Training(seed=seed).initial for seed in (1, 1, 2))
    assert one.weights_sha256 == same.weights_sha256 != other.weights_sha256
    assert (one.step, one.costs) == (0, ())


def test_weights_and_slots_are_in_float32_and_read_only() -> None:
    for arrays in (Training(optimizer=ADAM).initial.weights, Training(optimizer=MOMENTUM).initial.optimizer):
        assert arrays
        for array in arrays.values():
            assert array.dtype == np.float32
            assert not array.flags.writeable


# Stages


def test_a_stage_is_given_its_layers_and_the_last_one_the_costs() -> None:
    state = MADE.stage_state(1, 2, with_costs=True)
    assert state.layers == MADE.layers[1:]
    assert state.cost_log.costs() == [0.25, 1e-3]
    assert MADE.stage_state(0, 1, with_costs=False).cost_log.costs() == []


def store_of(*steps: int) -> tuple[MemoryStore, list[Address]]:
    """Return a store with two stages, one layer each, at every step up to those given."""
    store, addresses = MemoryStore(), [stage_address(0), stage_address(1)]
    for address, last in zip(addresses, steps, strict=True):
        number, _ = store.open(address)
        for step in range(1, last + 1):
            log = CostLog((), tuple(float(each) for each in range(step))) if address == stage_address(1) else CostLog()
            layer = LayerState({"bias": np.full(2, step, np.float32)}, {})
            store.commit(Snapshot(address, step, StageState((layer,), log)), number)
    return store, addresses


INITIAL = Checkpoint(0, (LayerState({"bias": BIAS}, {}), LayerState({"bias": BIAS}, {})), (3,))


@pytest.mark.parametrize(("steps", "expected"), [((3, 3), 3), ((3, 2), 2), ((4, 5), 4), ((1, 1), 1)])
def test_the_checkpoint_is_at_the_last_step_that_every_stage_has_committed(
    steps: tuple[int, int], expected: int
) -> None:
    store, addresses = store_of(*steps)
    checkpoint = Checkpoint.gather(store, addresses, INITIAL)
    assert checkpoint.step == expected
    assert [state.parameters["bias"][0] for state in checkpoint.layers] == [expected, expected]
    assert checkpoint.costs == tuple(range(expected))
    assert checkpoint.input_shape == (3,)


@pytest.mark.parametrize("steps", [(0, 0), (1, 0)])
def test_before_all_stages_have_committed_the_checkpoint_is_the_initial_one(steps: tuple[int, int]) -> None:
    store, addresses = store_of(*steps)
    assert Checkpoint.gather(store, addresses, INITIAL) is INITIAL


def test_the_initial_checkpoint_may_be_the_end_of_an_earlier_run() -> None:
    resumed = replace(INITIAL, step=5)
    assert Checkpoint.gather(MemoryStore(), [stage_address(0), stage_address(1)], resumed) is resumed


def test_a_checkpoint_does_not_depend_on_the_placement() -> None:
    apart = undisturbed(Training()).checkpoint
    together = undisturbed(Training(stages=(range(0, 2), range(2, 5)))).checkpoint
    assert list(apart.weights) == list(together.weights)
    assert apart.state_sha256 == together.state_sha256


# From arrays


def again(**changes: Any) -> Checkpoint:
    arrays = {"step": MADE.step, "weights": MADE.weights, "optimizer": MADE.optimizer, "costs": MADE.costs, **changes}
    return Checkpoint.from_arrays(replace(MADE, step=0, costs=()), **arrays)


def test_a_checkpoint_is_restored_from_its_arrays() -> None:
    checkpoint = again()
    assert (checkpoint.step, checkpoint.input_shape, checkpoint.costs) == (2, (3,), (0.25, 1e-3))
    assert checkpoint.state_sha256 == MADE.state_sha256
    assert checkpoint.cost_log_sha256 == MADE.cost_log_sha256


def test_restored_arrays_are_read_only() -> None:
    weights = {name: array.copy() for name, array in MADE.weights.items()}
    views = {name: array[:] for name, array in weights.items()}
    checkpoint = again(weights=views)
    for array in weights.values():
        array += 1
    assert checkpoint.weights_sha256 == MADE.weights_sha256


Change = Callable[[dict[str, Array]], object]

WRONG: list[tuple[Change, str]] = [
    (
        lambda arrays: arrays.pop("2.bias"),
        "expected weights that fit the network: 2.bias of shape (2,) float32, got none",
    ),
    (
        lambda arrays: arrays.update({"3.bias": BIAS}),
        "expected weights that fit the network: 3.bias none, got of shape (2,) float32",
    ),
    (
        lambda arrays: arrays.update({"0.weight": WEIGHT.T}),
        "expected weights that fit the network: 0.weight of shape (3, 2) float32, got of shape (2, 3) float32",
    ),
    (
        lambda arrays: arrays.update({"0.bias": BIAS.astype(np.float64)}),
        "expected weights that fit the network: 0.bias of shape (2,) float32, got of shape (2,) float64",
    ),
]


@pytest.mark.parametrize(("change", "error"), WRONG, ids=["missing", "too many", "shape", "dtype"])
def test_arrays_of_another_network_are_refused_in_one_line(change: Change, error: str) -> None:
    weights = dict(MADE.weights)
    change(weights)
    with pytest.raises(DataError) as caught:
        again(weights=weights)
    assert str(caught.value) == error


def test_slots_of_another_optimizer_are_refused() -> None:
    with pytest.raises(DataError, match=r"expected optimizer slots that fit the network: 0\.velocity\.bias"):
        again(optimizer={})
