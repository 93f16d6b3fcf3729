"""The checker of optimizers."""

from __future__ import annotations

import pickle

import numpy as np

from annex_actors.base import checks
from annex_actors.base.types import Floats, Parameters
from annex_actors.optimizers import Optimizer, is_elementwise
from annex_actors.testing.promises import (
    DTYPES,
    check_new,
    check_versions,
    random,
    require,
    require_kind,
    same_bits,
    unwritten,
)


def check_optimizer(optimizer: Optimizer, *, seed: int = 0) -> None:
    """Check that an optimizer keeps the promises of the protocol `Optimizer`.

    It writes neither to the parameters nor to its state; what it returns is new (or in the memory of the gradients) and
    read-only, with the names, shapes and dtypes of the arguments; the same call gives the same bits; it can be pickled;
    100 steps descend a parabola. If it is `Elementwise`, rows that are updated alone have the bits of the whole.

    Args:
        optimizer: the optimizer to check; its settings must suit a parabola of curvature 1.
        seed: of the random parameters and gradients.

    Raises:
        AssertionError: the first promise that is broken.
        ConfigError: another argument out of range.
    """
    require_kind(optimizer, Optimizer)
    checks.whole_number("seed", seed, at_least=0)
    require(pickle.loads(pickle.dumps(optimizer)) == optimizer, f"{optimizer!r} changes when it is pickled")
    for dtype in DTYPES:
        parameters: Parameters = {"weight": random(seed, (4, 3), dtype), "bias": random(seed + 1, (3,), dtype)}
        state = optimizer.initial_state(parameters)
        check_versions(f"{optimizer.name}.initial_state", state, like=state, dtype=dtype)
        for step in range(3):
            parameters, state = _checked_update(optimizer, step, parameters, state, seed)
        if is_elementwise(optimizer):
            _check_rows(optimizer, random(seed, (5, 3), dtype), seed)
    _check_descent(optimizer, {"weight": random(seed, (4, 3), np.dtype(np.float64))})


def _checked_update(
    optimizer: Optimizer, step: int, parameters: Parameters, state: Parameters, seed: int
) -> tuple[Parameters, Parameters]:
    """Update twice, check the results, and return the next parameters and state."""
    label = f"{optimizer.name}.update"
    given = (*parameters.values(), *state.values())
    results = []
    for _ in range(2):
        gradients = {name: random(seed + step, array.shape, array.dtype).copy() for name, array in parameters.items()}
        with unwritten(label, *given):
            results.append(optimizer.update(step, parameters, gradients, state))
        for arrays, before in zip(results[-1], (parameters, state), strict=True):
            check_versions(label, arrays, like=before, dtype=parameters["weight"].dtype)
            check_new(label, arrays, given)
        check_new(label, results[-1][0], results[-1][1].values())
    for first, second in zip(*results, strict=True):
        require(same_bits(first, second), f"{label} differs from call to call")
    return results[0]


def _check_rows(optimizer: Optimizer, weight: Floats, seed: int) -> None:
    """Check that two parts of the rows, each updated alone, are those of the whole."""
    parts = slice(None), slice(0, 2), slice(2, None)
    slots = optimizer.initial_state({"weight": weight})
    kept: list[tuple[Parameters, Parameters]] = [
        ({"weight": weight[rows]}, {name: each[rows] for name, each in slots.items()}) for rows in parts
    ]
    for step in range(3):
        gradient = random(seed + step, weight.shape, weight.dtype)
        for index, rows in enumerate(parts):
            parameters, state = kept[index]
            kept[index] = optimizer.update(step, parameters, {"weight": gradient[rows].copy()}, state)
        whole, *halves = ({**parameters, **state} for parameters, state in kept)
        together = {name: np.concatenate([half[name] for half in halves]) for name in whole}
        same = same_bits(together, whole)
        require(same, f"{optimizer.name}.update makes other rows alone than with the others; is it elementwise?")


def _check_descent(optimizer: Optimizer, parameters: Parameters) -> None:
    start = parameters["weight"]
    state = optimizer.initial_state(parameters)
    for step in range(100):
        parameters, state = optimizer.update(step, parameters, {"weight": parameters["weight"].copy()}, state)
    before, after = (float(np.vdot(weight, weight)) / 2 for weight in (start, parameters["weight"]))
    require(after < before, f"{optimizer!r} climbs a parabola from {before:g} to {after:g} in 100 steps")
