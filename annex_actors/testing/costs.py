"""The checker of costs."""

from __future__ import annotations

import pickle

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import UserError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.base.words import counted
from annex_actors.costs import Cost, scaled, spec_of, takes_weights
from annex_actors.costs import cost as cost_of
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

    The gradient is right; the shares of microbatches add up to the batch's cost; a sample weight multiplies its row of
    the cost and of the gradient, if the cost takes weights; arrays have the dtype of the outputs and are new and
    C-contiguous; no argument is written to; the same call gives the same bits; targets with an axis too many, or with
    NaN, are refused and not broadcast; a text, `spec`, is read back.

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
    _check_text(cost)
    given = np.arange(samples) % max(2, *output_shape) if targets is None else targets
    encoded = _check_encoding(cost, read_only(given), output_shape)
    weights = _weights(seed, len(given)) if takes_weights(cost) else None
    for dtype in DTYPES:
        outputs = random(seed, (len(given), *output_shape), dtype)
        for each in (None, weights):
            _check_evaluation(cost, outputs, encoded, each)
            if dtype == np.float64:
                _check_cost_gradient(cost, outputs, encoded, each)
                _check_shares(cost, outputs, encoded, each)
        _check_predictions(cost, outputs)
        if dtype == np.float64 and weights is not None:
            _check_weights(cost, outputs, encoded, weights)


def _weights(seed: int, samples: int) -> Floats:
    """Return sample weights as a cost is given them, among them a 0."""
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, samples)
    weights[seed % samples] = 0
    return read_only(scaled(weights))


def _check_text(cost: Cost) -> None:
    text = spec_of(cost)
    require(text.split() == [text], f"expected a spec without spaces, got {text!r}")
    if not hasattr(cost, "spec"):
        return
    try:
        parsed = cost_of(text)
    except UserError as error:
        raise AssertionError(f"{text} is not read back by `cost`: {error}; register_cost it") from error
    require(type(parsed) is type(cost) and spec_of(parsed) == text, f"{text} is read back by `cost` as {parsed!r}")


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


def _check_evaluation(cost: Cost, outputs: Floats, targets: Array, weights: Floats | None) -> None:
    label, given = f"{cost.name}.evaluate", () if weights is None else (weights,)
    with unwritten(label, outputs, targets, *given):
        value, gradient = cost.evaluate(outputs, targets, len(outputs), *given)
        again, same = cost.evaluate(outputs, targets, len(outputs), *given)
    require(type(value) is float and np.isfinite(value), f"expected {label} to return a finite float, got {value!r}")
    check_layout(f"{label}, gradient", gradient, outputs.shape, outputs.dtype)
    check_new(label, {"gradient": gradient}, (outputs, targets, *given))
    require(value == again and same_bits({"": gradient}, {"": same}), f"{label} differs from call to call")


def _check_predictions(cost: Cost, outputs: Floats) -> None:
    with unwritten(f"{cost.name}.predictions", outputs):
        predictions = cost.predictions(outputs)
    check_layout(f"{cost.name}.predictions", predictions, outputs.shape, outputs.dtype)


def _check_cost_gradient(cost: Cost, outputs: Floats, targets: Array, weights: Floats | None) -> None:
    given = () if weights is None else (weights,)
    _, gradient = cost.evaluate(outputs, targets, len(outputs), *given)
    numeric = differences(lambda at: cost.evaluate(at, targets, len(outputs), *given)[0], outputs)
    check_gradient(f"{cost.name}.evaluate", gradient, numeric)


def _check_shares(cost: Cost, outputs: Floats, targets: Array, weights: Floats | None) -> None:
    whole, gradient = cost.evaluate(outputs, targets, len(outputs), *(() if weights is None else (weights,)))
    parts = []
    for rows in (slice(0, 1), slice(1, None)):
        given = () if weights is None else (weights[rows],)
        parts.append(cost.evaluate(outputs[rows], targets[rows], len(outputs), *given))
    total = sum(share for share, _ in parts)
    require(np.isclose(whole, total, rtol=1e-9), f"shares of {cost.name} add up to {total}, expected {whole}")
    joined = np.concatenate([part for _, part in parts])
    require(np.allclose(joined, gradient, rtol=1e-9), f"{cost.name}.evaluate mixes rows in its gradient")


def _check_weights(cost: Cost, outputs: Floats, targets: Array, weights: Floats) -> None:
    value, gradient = cost.evaluate(outputs, targets, len(outputs), weights)
    rows = [slice(row, row + 1) for row in range(len(outputs))]
    alone = [cost.evaluate(outputs[row], targets[row], len(outputs)) for row in rows]
    expected = float(sum(weight * share for weight, (share, _) in zip(weights, alone, strict=True)))
    require(
        np.isclose(value, expected, rtol=1e-9, atol=1e-12),
        f"expected {cost.name}.evaluate with sample_weight to be {expected}, the weighted sum of its rows, got {value}",
    )
    scaled_rows = np.concatenate([weight * each for weight, (_, each) in zip(weights, alone, strict=True)])
    require(
        np.allclose(gradient, scaled_rows, rtol=1e-9, atol=1e-12),
        f"expected {cost.name}.evaluate to multiply each row of its gradient by its sample_weight, got other numbers",
    )
    none = cost.evaluate(outputs, targets, len(outputs), np.zeros_like(weights))
    require(none[0] == 0 and not none[1].any(), f"expected {cost.name}.evaluate to be 0 with weights of 0")
