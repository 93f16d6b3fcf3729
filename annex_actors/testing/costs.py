"""The checker of costs."""

from __future__ import annotations

import pickle

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import UserError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.base.words import counted
from annex_actors.costs import Cost
from annex_actors.testing.promises import (
    DTYPES,
    check_gradient,
    check_layout,
    check_new,
    differences,
    random,
    read_only,
    require,
    require_kind,
    same_bits,
    unwritten,
)


def check_cost(
    cost: Cost, output_shape: Shape = (3,), *, targets: Array | None = None, samples: int = 5, seed: int = 0
) -> None:
    """Check that a cost keeps the promises of the protocol `Cost`.

    The gradient is right; the shares of microbatches add up to the batch's cost; arrays have the dtype of the outputs
    and are new and C-contiguous; no argument is written to; the same call gives the same bits; targets with an axis too
    many, or with NaN, are refused and not broadcast.

    Args:
        cost: the cost to check.
        output_shape: the shape of one sample's outputs.
        targets: the targets of at least two samples, as a user would give them; None: class labels.
        samples: how many class labels.
        seed: of the random outputs.

    Raises:
        AssertionError: the first promise that is broken.
        ConfigError: another argument out of range.
    """
    require_kind(cost, Cost)
    checks.whole_number("samples", samples, at_least=1)
    checks.sizes("output_shape", output_shape, "a shape such as (3,)")
    checks.whole_number("seed", seed, at_least=0)
    require(pickle.loads(pickle.dumps(cost)).name == cost.name, f"{cost.name} changes when it is pickled")
    given = np.arange(samples) % max(2, *output_shape) if targets is None else targets
    encoded = _check_encoding(cost, read_only(given), output_shape)
    for dtype in DTYPES:
        outputs = random(seed, (len(given), *output_shape), dtype)
        _check_evaluation(cost, outputs, encoded)
        _check_predictions(cost, outputs)
        if dtype == np.float64:
            _check_cost_gradient(cost, outputs, encoded)
            _check_shares(cost, outputs, encoded)


def _check_encoding(cost: Cost, targets: Array, output_shape: Shape) -> Array:
    with unwritten(f"{cost.name}.encode", targets):
        encoded = cost.encode(targets, output_shape)
    require(
        len(encoded) == len(targets),
        f"expected {counted(len(targets), 'row')} of {cost.name}.encode, got {len(encoded)}",
    )
    _check_refused(cost, targets[..., np.newaxis, np.newaxis], output_shape, "two more axes")
    spoilt = np.array(targets, dtype=np.float64)
    spoilt.flat[0] = np.nan
    _check_refused(cost, spoilt, output_shape, "NaN")
    return read_only(encoded)


def _check_refused(cost: Cost, targets: Array, output_shape: Shape, fault: str) -> None:
    try:
        cost.encode(targets, output_shape)
    except UserError:
        return
    raise AssertionError(f"{cost.name}.encode takes targets with {fault}; raise DataError")


def _check_evaluation(cost: Cost, outputs: Floats, targets: Array) -> None:
    label = f"{cost.name}.evaluate"
    with unwritten(label, outputs, targets):
        value, gradient = cost.evaluate(outputs, targets, len(outputs))
        again, same = cost.evaluate(outputs, targets, len(outputs))
    require(type(value) is float and np.isfinite(value), f"expected {label} to return a finite float, got {value!r}")
    check_layout(f"{label}, gradient", gradient, outputs.shape, outputs.dtype)
    check_new(label, {"gradient": gradient}, (outputs, targets))
    require(value == again and same_bits({"": gradient}, {"": same}), f"{label} differs from call to call")


def _check_predictions(cost: Cost, outputs: Floats) -> None:
    with unwritten(f"{cost.name}.predictions", outputs):
        predictions = cost.predictions(outputs)
    check_layout(f"{cost.name}.predictions", predictions, outputs.shape, outputs.dtype)


def _check_cost_gradient(cost: Cost, outputs: Floats, targets: Array) -> None:
    _, gradient = cost.evaluate(outputs, targets, len(outputs))
    numeric = differences(lambda at: cost.evaluate(at, targets, len(outputs))[0], outputs)
    check_gradient(f"{cost.name}.evaluate", gradient, numeric)


def _check_shares(cost: Cost, outputs: Floats, targets: Array) -> None:
    whole, gradient = cost.evaluate(outputs, targets, len(outputs))
    parts = [cost.evaluate(outputs[rows], targets[rows], len(outputs)) for rows in (slice(0, 1), slice(1, None))]
    total = sum(share for share, _ in parts)
    require(np.isclose(whole, total, rtol=1e-9), f"shares of {cost.name} add up to {total}, expected {whole}")
    joined = np.concatenate([part for _, part in parts])
    require(np.allclose(joined, gradient, rtol=1e-9), f"{cost.name}.evaluate mixes rows in its gradient")
