"""The checker of optimizers."""

from __future__ import annotations

import pickle

import numpy as np

from annex_actors.optimizers import Optimizer
from annex_actors.testing.promises import DTYPES, check_versions, random, require, same_bits, unwritten
from annex_actors.types import Parameters


def check_optimizer(optimizer: Optimizer, *, seed: int = 0) -> None:
    """Check that an optimizer keeps the promises of the protocol `Optimizer`.

    It writes neither to the parameters nor to its state; what it returns is new, read-only, and named, shaped and typed
    as what it was given; the same call gives the same bits; it can be pickled; 100 steps go down a parabola.

    Args:
        optimizer: the optimizer to check; its settings have to suit a parabola of curvature 1.
        seed: of the random parameters and gradients.

    Raises:
        AssertionError: the first promise that is broken.
    """
    require(isinstance(optimizer, Optimizer), f"{optimizer!r} lacks a member of the protocol Optimizer")
    require(pickle.loads(pickle.dumps(optimizer)) == optimizer, f"{optimizer!r} changes when it is pickled")
    for dtype in DTYPES:
        parameters = {"weight": random(seed, (4, 3), dtype), "bias": random(seed + 1, (3,), dtype)}
        state = optimizer.initial_state(parameters)
        check_versions(f"{optimizer.name}.initial_state", state, state, dtype)
        for step in range(3):
            parameters, state = _checked_update(optimizer, step, parameters, state, seed)
    _check_descent(optimizer, {"weight": random(seed, (4, 3), np.dtype(np.float64))})


def _checked_update(
    optimizer: Optimizer, step: int, parameters: Parameters, state: Parameters, seed: int
) -> tuple[Parameters, Parameters]:
    label = f"{optimizer.name}.update"
    results = []
    for _ in range(2):
        gradients = {name: random(seed + step, array.shape, array.dtype).copy() for name, array in parameters.items()}
        with unwritten(label, *parameters.values(), *state.values()):
            following, remembered = optimizer.update(step, parameters, gradients, state)
        _check_new(label, following, (parameters, gradients))
        _check_new(label, remembered, (state, gradients))
        results.append((following, remembered))
    (following, remembered), (again, same) = results
    dtype = next(iter(parameters.values())).dtype
    check_versions(f"{label}, parameters", following, parameters, dtype)
    check_versions(f"{label}, state", remembered, state, dtype)
    require(same_bits(following, again) and same_bits(remembered, same), f"{label} differs from call to call")
    return following, remembered


def _check_new(label: str, results: Parameters, given: tuple[Parameters, ...]) -> None:
    for name, result in results.items():
        old = any(np.shares_memory(result, array) for arrays in given for array in arrays.values())
        require(not old, f"{label} returns memory that it was given, as {name}")


def _check_descent(optimizer: Optimizer, parameters: Parameters) -> None:
    before = sum(float(np.vdot(array, array)) for array in parameters.values())
    state = optimizer.initial_state(parameters)
    for step in range(100):
        gradients = {name: array.copy() for name, array in parameters.items()}
        parameters, state = optimizer.update(step, parameters, gradients, state)
    after = sum(float(np.vdot(array, array)) for array in parameters.values())
    require(after < before, f"{optimizer!r} climbs a parabola from {before / 2:g} to {after / 2:g} in 100 steps")
