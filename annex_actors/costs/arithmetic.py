"""What several costs compute with: sums over rows that have weights, differences, softmax and sigmoid."""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Array, Floats


def scaled(sample_weight: Floats) -> Floats:
    """Return the weights of a batch as a cost takes them: with a mean of 1; weights that are all 0 stay 0.

    A batch that counts for nothing so has cost and gradient 0, and not 0 / 0.

    Args:
        sample_weight: of all samples of the batch, >= 0, float64, shape ``(samples,)``.
    """
    mean = sample_weight.sum() / len(sample_weight)
    return sample_weight / mean if mean > 0 else sample_weight


def summed(costs: Floats, sample_weight: Floats | None) -> float:
    """Return the sum of costs in float64, each row times its weight.

    Args:
        costs: of shape ``(microbatch, ...)``.
        sample_weight: of shape ``(microbatch,)``; None: 1 each.
    """
    if sample_weight is not None:
        costs = costs * _beside(costs, sample_weight)
    return float(np.add.reduce(costs, axis=None, dtype=np.float64))


def weighted(gradient: Floats, sample_weight: Floats | None) -> Floats:
    """Multiply each row of a gradient by its weight, in place, and return it; the arguments are those of `summed`."""
    if sample_weight is not None:
        gradient *= _beside(gradient, sample_weight.astype(gradient.dtype))
    return gradient


def difference(outputs: Floats, targets: Array) -> Floats:
    """Return ``outputs - targets`` in the dtype of the outputs."""
    return np.subtract(outputs, targets, dtype=outputs.dtype, casting="same_kind")


def sigmoid(logits: Floats) -> Floats:
    """Return the logistic function of each number."""
    # Imported here, since it takes as long to import as the rest of the package.
    from scipy.special import expit

    probabilities: Floats = expit(logits)
    return probabilities


def sigmoid_cross_entropies(logits: Floats, targets: Array) -> Floats:
    """Return ``-t log s(x) - (1 - t) log(1 - s(x))`` for each number, s the sigmoid."""
    # The formula equals log(1 + exp(x)) - t x. This form of it never overflows, and is eight times as fast as
    # np.logaddexp.
    costs: Floats = np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - logits * targets
    return costs


def softmax(logits: Floats) -> Floats:
    """Return the softmax of each row."""
    probabilities: Floats = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def softmax_cross_entropies(logits: Floats, targets: Array) -> tuple[Floats, Floats]:
    """Return ``-sum(t log softmax(x))`` for each row, and its gradient, ``softmax(x) - t`` where the t sum to 1.

    Args:
        logits: x, shape ``(microbatch, classes)``.
        targets: t, of the same shape; their rounded sums are not taken for 1.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    gradient = np.exp(shifted)
    totals = gradient.sum(axis=-1, keepdims=True)
    costs: Floats = (targets * (np.log(totals) - shifted)).sum(axis=-1)
    gradient *= (targets.sum(axis=-1, keepdims=True) / totals).astype(logits.dtype)
    return costs, np.subtract(gradient, targets, out=gradient, casting="same_kind")


def _beside(rows: Array, sample_weight: Floats) -> Floats:
    """Return weights in a shape in which each meets its row."""
    return sample_weight.reshape(-1, *[1] * (rows.ndim - 1))
